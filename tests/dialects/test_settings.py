"""The choice of dialects."""

import pytest
from said import parse, refusal

from interpreterd.dialects.settings import NAMES


def test_all_are_spoken_by_default() -> None:
    assert parse()["dialects"] == NAMES == ("native", "jupyter", "e2b", "opensandbox")


def test_they_are_chosen_in_order() -> None:
    assert parse("--dialects", "e2b, native")["dialects"] == ("e2b", "native")
    assert parse(INTERPRETERD_DIALECTS="jupyter")["dialects"] == ("jupyter",)


@pytest.mark.parametrize("text", ["", ",", "nativ", "native,e3b", "native,native"])
def test_a_name_that_is_none_is_refused(text: str) -> None:
    assert refusal("dialects", text) == (
        "must be one or more of native, jupyter, e2b, opensandbox, each once, separated by commas"
    )
