"""Draw README's picture: a terminal in which commands have run against a real daemon.

``python docs/picture.py`` writes ``docs/terminal.svg`` again. A test compares it with what the commands print now.
"""

import contextlib
import html
import json
import os
import pty
import shlex
import subprocess
import sys
import termios
from pathlib import Path
from typing import Final

import pyte

FILE: Final = Path(__file__).parent / "terminal.svg"
COMMANDS: Final = (
    "interpreterd run -c 'x = 20'",
    "interpreterd run -c 'for i in range(3): print(x + i)'",
    "interpreterd run --timeout 1 -c 'while True: pass'",
    'interpreterd run -c \'import subprocess; subprocess.run(["echo", "x is", str(x)]);\'',
    "interpreterd run -c 'import ctypes; ctypes.string_at(0)'",
    "interpreterd run -c 'print(\"a new Python, after a crash\")'",
)
COLUMNS: Final = 92
ROWS: Final = 40
# The window has a background of its own, so the page's does not matter.
BACKGROUND: Final = "#1d2430"
COLOURS: Final = {"default": "#e6e9ef", "prompt": "#8fd17f", "red": "#ff9a9a", "yellow": "#f0cd7a", "dim": "#a9b3c4"}
_CHARACTER: Final = 8.4  # pixels, of a monospaced font of 14 pixels
_LINE: Final = 19
_MARGIN: Final = 18


def record(url: str) -> list[str]:
    """Run the commands in a terminal, against the daemon at ``url``; return the lines that a person sees there."""
    # The shell prints each command before it runs it, since no person types.
    script = "".join(f"printf '$ %s\\n' {shlex.quote(command)}\n{command}\n" for command in COMMANDS)
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "INTERPRETERD_"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    variables |= {"INTERPRETERD_URL": url, "PATH": path, "TERM": "xterm", "NO_COLOR": "1"}
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (ROWS, COLUMNS))
    with subprocess.Popen(["bash", "-c", script], stdin=theirs, stdout=theirs, stderr=theirs, env=variables):
        os.close(theirs)
        screen = pyte.Screen(COLUMNS, ROWS)
        stream = pyte.ByteStream(screen)
        with contextlib.suppress(OSError):  # EIO: the shell has ended, see pty(7)
            while data := os.read(ours, 1 << 16):
                stream.feed(data)
        os.close(ours)
    return "\n".join(line.rstrip() for line in screen.display).rstrip().split("\n")


def draw(lines: list[str]) -> str:
    """Return a picture of a terminal with these lines, as SVG."""
    width = round(COLUMNS * _CHARACTER + 2 * _MARGIN)
    height = len(lines) * _LINE + 2 * _MARGIN
    texts = [
        f'<text x="{_MARGIN}" y="{_MARGIN + 14 + number * _LINE}" xml:space="preserve">{_marked(line)}</text>'
        for number, line in enumerate(lines)
        if line
    ]
    attributes = {
        "xmlns": "http://www.w3.org/2000/svg",
        "viewBox": f"0 0 {width} {height}",
        "width": width,
        "height": height,
        "role": "img",
        "aria-label": "A terminal in which interpreterd runs code",
        "fill": COLOURS["default"],
        "font-family": "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace",
        "font-size": 14,
    }
    head = " ".join(f'{name}="{value}"' for name, value in attributes.items())
    window = f'<rect width="{width}" height="{height}" rx="8" fill="{BACKGROUND}"/>'
    return "\n".join([f"<svg {head}>", window, *texts, "</svg>\n"])


def _marked(line: str) -> str:
    """Return a line as SVG, in the colour of its kind."""
    text = html.escape(line, quote=False)
    if line.startswith("$ "):
        return f'<tspan fill="{COLOURS["prompt"]}">$</tspan>{text[1:]}'
    if line.startswith("interpreterd: "):
        return f'<tspan fill="{COLOURS["yellow"]}">{text}</tspan>'
    if "Error:" in line or line.startswith(("WorkerDied", "KeyboardInterrupt")):
        return f'<tspan fill="{COLOURS["red"]}">{text}</tspan>'
    if line.startswith(("Traceback", "  ")):
        return f'<tspan fill="{COLOURS["dim"]}">{text}</tspan>'
    return text


def main() -> None:
    """Write the picture, with a daemon of its own."""
    command = [sys.executable, "-m", "interpreterd", "serve", "--port", "0", "--exit-with-parent"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as daemon:
        assert daemon.stdout is not None
        try:
            FILE.write_text(draw(record(json.loads(daemon.stdout.readline())["url"])), "utf-8")
        finally:
            daemon.terminate()


if __name__ == "__main__":
    main()
