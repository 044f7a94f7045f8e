"""All output of an execution as one answer: it is bounded, sent in pieces, and cuts no character."""

import json
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from interpreterd.dialects.native import collected
from interpreterd.dialects.native.collected import Collected
from interpreterd.http.answers import PIECE_BYTES, Pieces
from interpreterd.model.events import Failure, Finished, Gap, Outcome, Output, Started, Stream


def answered(it: Collected) -> tuple[dict[str, Any], int]:
    """Return the answer, and the difference between its Content-Length and its length in bytes."""
    response = it.answer("e", "c")
    if isinstance(response, Pieces):
        body = b"".join(response._pieces)
        assert response.content_length is not None
        return json.loads(body), response.content_length - len(body)
    assert isinstance(response, web.Response)
    assert isinstance(response.body, bytes)
    return json.loads(response.body), 0


def test_an_answer_has_the_end_of_its_execution() -> None:
    it = Collected()
    failure = Failure(name="E", value="v", traceback="t")
    for event in (
        Started(),
        Output(stream=Stream.STDOUT, text="a"),
        Gap(first=1, last=2),
        Output(stream=Stream.STDERR, text="b"),
        Output(stream=Stream.STDOUT, text="c"),
        Finished(outcome=Outcome.INTERRUPTED, error=failure),
    ):
        it.add(event)
    assert answered(it)[0] == {
        "executionId": "e",
        "contextId": "c",
        "outcome": "interrupted",
        "stdout": "ac",
        "stderr": "b",
        "results": [],
        "error": {"name": "E", "value": "v", "traceback": "t"},
        "cutBytes": 0,
    }


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), max_size=5), st.integers(1, 9))
def test_no_piece_cuts_a_character(texts: list[str], piece_bytes: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(collected, "PIECE_BYTES", max(4, piece_bytes))
        it = Collected()
        for text in texts:
            it.add(Output(stream=Stream.STDOUT, text=text))
        assert answered(it)[0]["stdout"] == "".join(texts)


@pytest.mark.parametrize("character", ["x", "\0", "é", "😀"])
def test_a_large_answer_comes_in_pieces_and_says_its_length(character: str) -> None:
    it = Collected()
    for stream in Stream:
        it.add(Output(stream=stream, text=character * PIECE_BYTES))
    it.add(Finished(outcome=Outcome.COMPLETED))
    answer, missing = answered(it)
    assert answer["stdout"] == answer["stderr"] == character * PIECE_BYTES
    assert missing == 0


def test_beyond_a_limit_output_is_cut_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collected, "OUTPUT_LIMIT_BYTES", 3)
    it = Collected()
    it.add(Output(stream=Stream.STDOUT, text="ab"))
    it.add(Output(stream=Stream.STDERR, text="cdef"))
    it.add(Output(stream=Stream.STDOUT, text="gh"))
    answer, missing = answered(it)
    assert (answer["stdout"][:2], answer["stderr"][:1], answer["cutBytes"], missing) == ("ab", "c", 5, 0)
