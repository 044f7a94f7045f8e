"""Results and questions of code, for people at a terminal: their text, pictures as files or in the terminal."""

import base64
import getpass
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import click

from interpreterd.client import InputRequest, Shown

EXTENSIONS: Final[Mapping[str, str]] = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/gif": "gif",
    "image/svg+xml": "svg",
    "application/pdf": "pdf",
}
_KITTY_BYTES: Final = 4096  # of base64 in one escape sequence, according to kitty's graphics protocol


def terminal_picture(png: bytes, environ: Mapping[str, str]) -> str | None:
    """Return the escape sequences that show ``png`` in the terminal of ``environ``; None if it is not known to can."""
    if environ.get("TMUX") or environ.get("STY"):  # tmux and screen do not pass them on
        return None
    text = base64.b64encode(png).decode()
    program = environ.get("TERM_PROGRAM", "")
    if environ.get("KITTY_WINDOW_ID") or "kitty" in environ.get("TERM", "") or program == "ghostty":
        parts = [text[start : start + _KITTY_BYTES] for start in range(0, len(text), _KITTY_BYTES)]
        return "".join(
            f"\033_G{'a=T,f=100,' if number == 0 else ''}m={int(number < len(parts) - 1)};{part}\033\\"
            for number, part in enumerate(parts)
        )
    if program in ("iTerm.app", "WezTerm") or environ.get("LC_TERMINAL") == "iTerm2":
        return f"\033]1337;File=inline=1;size={len(png)}:{text}\a"
    return None


class ResultPrinter:
    """Prints the text of each result to stdout, and shows or saves its pictures."""

    def __init__(self, folder: Path | None, *, in_terminal: bool = False) -> None:
        """Save pictures in ``folder``, if there is one; ``in_terminal`` shows them where the terminal can."""
        self._folder = folder
        self._in_terminal = in_terminal
        self._number = 0

    def show(self, shown: Shown) -> None:
        """Print and save ``shown``."""
        picture = shown.png if self._in_terminal else None
        sequences = None if picture is None else terminal_picture(picture, os.environ)
        if sequences is not None:
            self._print(sequences)
        elif shown.text:
            self._print(shown.text)
        if self._folder is not None:
            for path in self._save(shown):
                print(path, file=sys.stderr, flush=True)

    def _save(self, shown: Shown) -> list[Path]:
        saved = []
        for mime, extension in EXTENSIONS.items():
            if (data := shown.binary(mime)) is not None:
                saved.append(self._write(data, extension))
        return saved

    def _write(self, data: bytes, extension: str) -> Path:
        """Write a new file: existing ones stay."""
        assert self._folder is not None
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            while True:
                self._number += 1
                path = self._folder / f"result-{self._number}.{extension}"
                try:
                    with path.open("xb") as file:
                        file.write(data)
                    return path
                except FileExistsError:
                    pass
        except OSError as error:
            raise click.ClickException(f"cannot write to {self._folder}: {error.strerror}") from None

    @staticmethod
    def _print(text: str) -> None:
        sys.stdout.buffer.write(text.encode("utf-8", "replace") + b"\n")
        sys.stdout.buffer.flush()


def ask(request: InputRequest) -> str | None:
    """Ask at the terminal what the code asks; None at the end of the input. A password is not shown."""
    try:
        if request.password:
            return getpass.getpass(request.prompt)
        print(request.prompt, end="", flush=True)
        line = sys.stdin.readline()
    except EOFError:
        return None
    return line.removesuffix("\n") if line else None
