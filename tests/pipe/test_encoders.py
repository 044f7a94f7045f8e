"""Messages to the worker are lines of JSON; ``test_messages.py`` compares them with the golden ones."""

import json

from interpreterd.model.requests import Execute
from interpreterd.pipe.encoders import PIECE_CHARS, encode, encode_in_pieces, text_of
from interpreterd.pipe.messages import Answer, Configure, Run, Sync


def test_encode_gives_one_line_of_json() -> None:
    run = encode(Run("a", Execute(code="print('é')\n", envs={"A": "1"})))
    assert json.loads(run) == {
        "type": "execute",
        "id": "a",
        "code": "print('é')\n",
        "envs": {"A": "1"},
        "stdin": False,
        "number": 1,
        "results": True,
    }
    assert run.count(b"\n") == 1
    assert run.endswith(b"\n")
    assert json.loads(encode(Configure(cwd="/"))) == {"type": "configure", "cwd": "/", "envs": {}}
    assert encode(Sync()) == b'{"type":"sync"}\n'


def test_long_code_comes_in_pieces_of_the_same_message() -> None:
    run = Run("a", Execute(code="'\N{GRINNING FACE}\\n\n" * PIECE_CHARS))
    assert json.loads(b"".join(encode_in_pieces(run))) == json.loads(encode(run))
    assert all(len(piece) < 8 * PIECE_CHARS for piece in encode_in_pieces(run))


def test_only_code_and_answers_are_long() -> None:
    assert text_of(Run("a", Execute(code="pass"))) == "pass"
    assert text_of(Answer(number=1, text="x")) == "x"
    assert text_of(Sync()) == text_of(Answer(number=1, text=None)) == ""
