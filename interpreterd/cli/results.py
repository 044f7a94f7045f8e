"""Results and questions of code, for people at a terminal: their text, pictures as files or in the terminal."""

import base64
import contextlib
import getpass
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import click

from interpreterd.cli import png as png_files
from interpreterd.cli.sixel import sixels
from interpreterd.client import InputRequest, Shown

EXTENSIONS: Final[Mapping[str, str]] = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/gif": "gif",
    "image/svg+xml": "svg",
    "application/pdf": "pdf",
}
_KITTY_BYTES: Final = 4096  # of base64 in one escape sequence, according to kitty's graphics protocol
# Terminals that always have sixels, by how TERM begins. Others, such as xterm, have them only if they are set up so.
_SIXEL_TERMS: Final = ("foot", "mlterm", "contour", "yaft")
SESSION_LIMIT_FILES: Final = 200
SESSION_LIMIT_BYTES: Final = 64 << 20


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
    if environ.get("TERM", "").startswith(_SIXEL_TERMS):
        with contextlib.suppress(png_files.UnsupportedPicture):
            return sixels(png_files.decode(png))
    return None


class SessionFolder:
    """A new private directory for the pictures of one session; made for the first one, it stays afterwards."""

    def __init__(self) -> None:
        self.path: Path | None = None
        self._files = 0
        self._bytes = 0

    def admit(self, size: int) -> Path:
        """Return the directory for one more file of ``size`` bytes.

        Raises:
            click.ClickException: It has ``SESSION_LIMIT_FILES`` or would have more than ``SESSION_LIMIT_BYTES``, or
                cannot be made.
        """
        if self._files >= SESSION_LIMIT_FILES or self._bytes + size > SESSION_LIMIT_BYTES:
            raise click.ClickException(
                f"a picture is not saved: {self.path or 'a session'} may have {SESSION_LIMIT_FILES} files and "
                f"{SESSION_LIMIT_BYTES >> 20} MiB; --results DIR has no limit"
            )
        if self.path is None:
            try:
                self.path = Path(tempfile.mkdtemp(prefix="interpreterd-"))
            except OSError as error:
                raise click.ClickException(
                    f"a picture is not saved: no temporary directory: {error.strerror}"
                ) from None
        self._files += 1
        self._bytes += size
        return self.path


class ResultPrinter:
    """Prints the text of each result to stdout, and shows or saves its pictures."""

    def __init__(self, folder: Path | None, *, in_terminal: bool = False) -> None:
        """Save pictures in ``folder``, if there is one.

        ``in_terminal`` shows them where the terminal can; without a folder, all others go to a ``SessionFolder``.
        """
        self._folder = folder
        self._session = SessionFolder() if in_terminal and folder is None else None
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
            self._save(shown, self._folder)
        elif self._session is not None and sequences is None:
            self._save_in_session(shown, self._session)

    def _save(self, shown: Shown, folder: Path) -> None:
        for mime, extension in EXTENSIONS.items():
            if (data := shown.binary(mime)) is not None:
                print(self._write(data, folder, extension), file=sys.stderr, flush=True)

    def _save_in_session(self, shown: Shown, session: SessionFolder) -> None:
        """Save ``shown``, or say why not: the session goes on, because nobody asked for the files."""
        for mime, extension in EXTENSIONS.items():
            if (data := shown.binary(mime)) is not None:
                try:
                    path = self._write(data, session.admit(len(data)), extension)
                except click.ClickException as error:
                    print(error.message, file=sys.stderr, flush=True)
                    return
                print(path, file=sys.stderr, flush=True)

    def _write(self, data: bytes, folder: Path, extension: str) -> Path:
        """Write a new file: existing ones stay."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            while True:
                self._number += 1
                path = folder / f"result-{self._number}.{extension}"
                try:
                    with path.open("xb") as file:
                        file.write(data)
                    return path
                except FileExistsError:
                    pass
        except OSError as error:
            raise click.ClickException(f"cannot write to {folder}: {error.strerror}") from None

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
