"""Values of a worker's JSON have exactly their type; otherwise the error names the key."""

from typing import Any

import pytest

from interpreterd.model.errors import ProtocolError
from interpreterd.pipe.values import get, get_list, get_optional

BODY: dict[str, Any] = {"text": "x", "flag": True, "nothing": None, "texts": ["a", "b"]}


def test_values_of_the_right_type_are_returned() -> None:
    assert (get(BODY, "text", str), get(BODY, "flag", bool)) == ("x", True)
    assert (get_optional(BODY, "nothing", str), get_optional(BODY, "text", str)) == (None, "x")
    assert get_list(BODY, "texts", str, 2) == ["a", "b"]


def test_others_are_refused_by_name() -> None:
    with pytest.raises(ProtocolError, match="flag must be int"):
        get(BODY, "flag", int)
    with pytest.raises(ProtocolError, match="later must be str"):
        get(BODY, "later", str)
    with pytest.raises(ProtocolError, match="flag must be int"):
        get_optional(BODY, "flag", int)
    with pytest.raises(ProtocolError, match="later must be str"):
        get_optional(BODY, "later", str)
    with pytest.raises(ProtocolError, match="texts must have at most 1 items"):
        get_list(BODY, "texts", str, 1)
    with pytest.raises(ProtocolError, match="texts must hold int only"):
        get_list(BODY, "texts", int, 2)
