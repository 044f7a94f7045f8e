"""``Accept`` chooses the form of the answer."""

import contextlib

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from interpreterd.http.bodies import choose_form
from interpreterd.model.errors import NotAcceptable

JSON, NDJSON, EVENTS = OFFERED = ("application/json", "application/x-ndjson", "text/event-stream")


def choose(*accept: str) -> str:
    return choose_form(make_mocked_request("GET", "/", headers=[("Accept", value) for value in accept]), OFFERED)


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("application/json", JSON),
        ("Application/JSON", JSON),
        ("text/*", EVENTS),
        ("text/event-stream", EVENTS),
        ("text/event-stream; charset=utf-8", EVENTS),
        ("application/x-ndjson", NDJSON),
        ("application/x-ndjson, text/event-stream", NDJSON),
        ("application/json, text/event-stream", JSON),
        ("application/json;q=0.5, text/event-stream", EVENTS),
        ("text/event-stream, */*", EVENTS),
        ("text/html, */*;q=0.1", JSON),
        ("text/html, */*;q=0.1, application/json;q=0", NDJSON),
        ("application/json;q=2, text/event-stream;q=0.1", EVENTS),
        ("application/json;q=nan, text/event-stream;q=0.1", EVENTS),
        ("application/json;q=x, text/event-stream;q=0.1", EVENTS),
    ],
)
def test_the_form_that_is_liked_best(accept: str, form: str) -> None:
    assert choose(accept) == form


def test_no_header_and_several() -> None:
    assert choose() == JSON
    assert choose("text/html", "text/event-stream") == EVENTS


@pytest.mark.parametrize("accept", ["text/html", "application/json;q=0", ",", "image/*, */*;q=0"])
def test_nothing_that_is_there_is_liked(accept: str) -> None:
    with pytest.raises(NotAcceptable, match="application/json, application/x-ndjson, text/event-stream"):
        choose(accept)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60))
def test_whatever_it_says_there_is_an_answer(accept: str) -> None:
    with contextlib.suppress(NotAcceptable):
        assert choose(accept) in OFFERED
