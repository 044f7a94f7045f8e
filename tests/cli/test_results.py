"""Results at a terminal: text is printed, pictures are shown where that is possible, or saved."""

import base64
import io
import struct
import zlib
from pathlib import Path

import click
import pytest

from interpreterd.cli import png, results
from interpreterd.cli.results import ResultPrinter, ask, terminal_picture
from interpreterd.client import InputRequest, Shown

PNG = b"\x89PNG" + bytes(9000)
HEAD = b"IHDR" + struct.pack(">IIBBBBB", 1, 1, 8, png.RGB, 0, 0, 0)
RED_PIXEL = png.SIGNATURE + b"".join(
    struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    for body in (HEAD, b"IDAT" + zlib.compress(b"\0\xff\0\0"), b"IEND")
)
PICTURE = Shown(data={"text/plain": "<Figure>", "image/png": base64.b64encode(PNG).decode()})


@pytest.mark.parametrize(
    ("environ", "start"),
    [
        ({"KITTY_WINDOW_ID": "1"}, "\033_Ga=T,f=100,m=1;"),
        ({"TERM": "xterm-kitty"}, "\033_Ga=T,f=100,m=1;"),
        ({"TERM_PROGRAM": "iTerm.app"}, "\033]1337;File=inline=1;size=9004:"),
        ({"TERM": "xterm-256color"}, None),
        ({"TERM": "foot"}, None),  # it needs pixels, and these bytes are not a picture
        ({"KITTY_WINDOW_ID": "1", "TMUX": "/tmp/tmux"}, None),
    ],
)
def test_a_picture_is_shown_only_in_a_terminal_that_can(environ: dict[str, str], start: str | None) -> None:
    shown = terminal_picture(PNG, environ)
    assert (shown is None) is (start is None)
    if shown is not None and start is not None:
        assert shown.startswith(start)
        assert base64.b64encode(PNG).decode()[-40:] in shown


@pytest.mark.parametrize(
    ("environ", "sixels"),
    [
        ({"TERM": "foot"}, True),
        ({"TERM": "foot-extra"}, True),
        ({"TERM": "mlterm-256color"}, True),
        ({"TERM": "xterm"}, False),
        ({}, False),
        ({"TERM": "foot", "TMUX": "/tmp/tmux"}, False),
        ({"TERM": "foot", "STY": "1.screen"}, False),
    ],
)
def test_sixels_go_only_to_terminals_that_surely_have_them(environ: dict[str, str], sixels: bool) -> None:
    expected = '\033Pq"1;1;1;1#0;2;100;0;0#0@\033\\' if sixels else None
    assert terminal_picture(RED_PIXEL, environ) == expected


def test_without_a_folder_a_session_names_files_of_pictures_that_it_cannot_show(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for name in ("KITTY_WINDOW_ID", "TERM_PROGRAM", "LC_TERMINAL", "TMUX", "STY"):
        monkeypatch.delenv(name, raising=False)
    printer = ResultPrinter(None, in_terminal=True)
    monkeypatch.setenv("TERM", "foot")
    printer.show(Shown(data={"image/png": base64.b64encode(RED_PIXEL).decode()}))
    assert capsysbinary.readouterr().out.startswith(b"\033Pq")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setenv("TERM", "xterm")
    printer.show(PICTURE)
    printer.show(Shown(data={"image/svg+xml": "<svg/>"}))
    (folder,) = tmp_path.iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700
    out, err = capsysbinary.readouterr()
    assert out == b"<Figure>\n"
    assert err.decode().splitlines() == [f"{folder}/result-1.png", f"{folder}/result-2.svg"]
    assert (folder / "result-1.png").read_bytes() == PNG


@pytest.mark.parametrize("limit", ["SESSION_LIMIT_FILES", "SESSION_LIMIT_BYTES"])
def test_a_session_saves_a_bounded_number_of_bytes_and_files(
    limit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(results, limit, 2 if limit == "SESSION_LIMIT_FILES" else 2 * len(PNG))
    monkeypatch.setattr(results, "terminal_picture", lambda png, environ: None)
    printer = ResultPrinter(None, in_terminal=True)
    for _ in range(3):
        printer.show(PICTURE)
    assert "a picture is not saved" in capsys.readouterr().err.splitlines()[2]
    assert len(list(tmp_path.glob("*/*"))) == 2


def test_a_session_goes_on_without_a_temporary_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    monkeypatch.setattr(results, "terminal_picture", lambda png, environ: None)
    ResultPrinter(None, in_terminal=True).show(PICTURE)
    assert capsys.readouterr().err.startswith("a picture is not saved: no temporary directory: ")


def test_text_is_printed_and_pictures_are_saved_beside_others(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "result-1.png").write_bytes(b"mine")
    printer = ResultPrinter(tmp_path / "new")
    printer.show(PICTURE)
    printer.show(Shown(data={"image/svg+xml": "<svg/>"}))
    out, err = capsysbinary.readouterr()
    assert out == b"<Figure>\n"
    assert err.decode().splitlines() == [f"{tmp_path}/new/result-2.png", f"{tmp_path}/new/result-3.svg"]
    assert (tmp_path / "new" / "result-1.png").read_bytes() == b"mine"
    assert (tmp_path / "new" / "result-2.png").read_bytes() == PNG


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(click.ClickException, match="cannot write to"):
        ResultPrinter(tmp_path / "file").show(PICTURE)


def test_questions_are_answered_by_lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("Ada\n"))
    asked = InputRequest(prompt="name? ", password=False)
    assert (ask(asked), ask(asked)) == ("Ada", None)
    assert capsys.readouterr().out == "name? name? "


def test_a_password_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getpass", lambda prompt: f"secret of {prompt}")
    assert ask(InputRequest(prompt="you: ", password=True)) == "secret of you: "
