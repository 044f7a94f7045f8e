"""Results at a terminal: text is printed, pictures are shown where that is possible, or saved."""

import base64
import io
from pathlib import Path

import click
import pytest

from interpreterd.cli.results import ResultPrinter, ask, terminal_picture
from interpreterd.client import InputRequest, Shown

PNG = b"\x89PNG" + bytes(9000)
PICTURE = Shown(data={"text/plain": "<Figure>", "image/png": base64.b64encode(PNG).decode()})


@pytest.mark.parametrize(
    ("environ", "start"),
    [
        ({"KITTY_WINDOW_ID": "1"}, "\033_Ga=T,f=100,m=1;"),
        ({"TERM": "xterm-kitty"}, "\033_Ga=T,f=100,m=1;"),
        ({"TERM_PROGRAM": "iTerm.app"}, "\033]1337;File=inline=1;size=9004:"),
        ({"TERM": "xterm-256color"}, None),
        ({"KITTY_WINDOW_ID": "1", "TMUX": "/tmp/tmux"}, None),
    ],
)
def test_a_picture_is_shown_only_in_a_terminal_that_can(environ: dict[str, str], start: str | None) -> None:
    shown = terminal_picture(PNG, environ)
    assert (shown is None) is (start is None)
    if shown is not None and start is not None:
        assert shown.startswith(start)
        assert base64.b64encode(PNG).decode()[-40:] in shown


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
