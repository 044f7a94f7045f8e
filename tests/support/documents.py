"""The site's pages: their code blocks, and a simulated reader that tries them."""

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from attrs import frozen

from interpreterd.client import Interpreter

RUN: Final = ("python", "console")
DOCUMENTED: Final = "127.0.0.1:3987"
PROGRAMS: Final = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
# Ids and times differ between runs.
UUID: Final = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
TIME: Final = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"
_VARIES: Final = re.compile(rf"(?P<any>…)|(?P<id>{UUID})|(?P<time>{TIME})")
_BLOCK: Final = re.compile(r"^(?:<!-- not run: ([^\n]+) -->\n)?```(\S+)[^\n]*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_END: Final = "end-of-command"


@frozen(kw_only=True)
class Block:
    """A fenced code block.

    Attributes:
        reason: Why the block cannot be run, or ``None``.
        shown: The output that the page shows: the block of ``text`` that follows.
    """

    line: int
    language: str
    text: str
    reason: str | None
    shown: str = ""


def blocks(path: Path) -> list[Block]:
    """Return a page's blocks. A block of ``text`` becomes the output of the block before it."""
    page = path.read_text("utf-8")
    found: list[Block] = []
    end = 0
    for match in _BLOCK.finditer(page):
        reason, language, text = match.groups()
        if language == "text":
            assert found, f"{path.name}: output of nothing"
            assert not page[end : match.start()].strip(), f"{path.name}: output without its code"
            before = found.pop()
            found.append(
                Block(line=before.line, language=before.language, text=before.text, reason=before.reason, shown=text)
            )
        else:
            line = page.count("\n", 0, match.start(3))
            found.append(Block(line=line, language=language, text=text, reason=reason))
        end = match.end()
    assert sum(line.startswith("```") for line in page.splitlines()) == 2 * len(_BLOCK.findall(page)), path.name
    return found


def runnable(path: Path) -> list[Block]:
    """Return a page's runnable blocks."""
    return [block for block in blocks(path) if block.language in RUN and block.reason is None]


def only(path: Path, language: str) -> Block:
    """Return a page's only block of a language."""
    (block,) = [block for block in blocks(path) if block.language == language]
    return block


def commands(block: Block) -> Iterator[tuple[str, str]]:
    """Yield each command of a ``console`` block, with its shown output."""
    head, *rest = re.split(r"^\$ ", block.text, flags=re.MULTILINE)
    assert not head, f"output of no command: {head}"
    for part in rest:
        command, _, shown = part.partition("\n")
        yield command, shown


def serve_flags(block: Block) -> list[str] | None:
    """Return the flags of the daemon that a ``console`` block starts; ``None`` if it starts no daemon."""
    words = shlex.split(next(commands(block))[0])
    return words[2:] if words[:2] == ["interpreterd", "serve"] else None


class Reader:
    """Runs a page's blocks in order, against the daemon at ``url``, in one Python namespace and one shell."""

    def __init__(self, folder: Path, shell_start: str = "") -> None:
        """Work in ``folder``; ``shell_start`` comes before the first command."""
        self.url = ""
        self._names: dict[str, Any] = {"__name__": "__main__"}
        self._ids: dict[str, str] = {}
        environment = {name: value for name, value in os.environ.items() if not name.startswith("INTERPRETERD_")}
        self._log = open(folder / "stderr", "w+")  # noqa: SIM115 (closed with the reader)
        self._shell = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            cwd=folder,
            env={**environment, "PATH": PROGRAMS},
        )
        if shell_start:
            self.run(shell_start)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._names.clear()  # drops clients that the page has not closed
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        with self._log, self._shell.stdout:
            self._shell.stdin.close()
            self._shell.wait()

    def read(self, block: Block, where: str) -> None:
        """Run a block and compare its output with the shown output. A failure shows both."""
        if block.language == "python":
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile(self._mine(block.text), where, "exec"), self._names)
            self._compare(block.shown, printed.getvalue(), where)
        else:
            for command, shown in commands(block):
                self._compare(shown, self.run(self._mine(command)), command)

    def run(self, command: str) -> str:
        """Run a command in the shell; return its stdout. It must succeed."""
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        self._shell.stdin.write(f"export INTERPRETERD_URL={self.url}\n{command}\nprintf '\\n%s %d\\n' {_END} $?\n")
        self._shell.stdin.flush()
        lines: list[str] = []
        for line in self._shell.stdout:
            if line.startswith(_END):
                self._log.seek(0)
                assert line == f"{_END} 0\n", f"{command}: {line}{self._log.read()}"
                return "".join(lines)
            lines.append(line)
        raise AssertionError(f"{command}: the shell has ended")

    def _mine(self, text: str) -> str:
        for shown, mine in {DOCUMENTED: self.url.removeprefix("http://"), **self._ids}.items():
            text = text.replace(shown, mine)
        return text

    def _compare(self, shown: str, said: str, where: str) -> None:
        pattern, new = _pattern(self._mine(shown.rstrip("\n")), set(self._ids.values()))
        match = re.fullmatch(pattern, said.rstrip("\n"), re.DOTALL)
        assert match is not None, f"{where}\nshown:\n{shown}\nsaid:\n{said}"
        self._ids |= {name: match[group] for name, group in new.items()}


def _pattern(text: str, known: set[str]) -> tuple[str, Mapping[str, str]]:
    """Return a pattern for output like ``text``, and its groups that find each id that is not ``known``."""
    new: dict[str, str] = {}

    def pattern_of(match: re.Match[str]) -> str:
        if match["any"]:
            return ".*?"
        if match["time"]:
            return TIME
        if match[0] in known:
            return match[0]
        if match[0] in new:
            return f"(?P={new[match[0]]})"
        new[match[0]] = f"id{len(new)}"
        return f"(?P<{new[match[0]]}>{UUID})"

    parts: list[str] = []
    end = 0
    for match in _VARIES.finditer(text):
        parts += [re.escape(text[end : match.start()]), pattern_of(match)]
        end = match.end()
    return "".join([*parts, re.escape(text[end:])]), new


def clean(url: str) -> None:
    """Reset the shared daemon for the next test."""
    with Interpreter(url) as py:
        for context in py.list_contexts():
            if context.id == "default":
                context.restart(cancel_queued=True)
                context.execute("pass")  # this execution gets the message about the restart, so the next test does not
            else:
                context.delete()
