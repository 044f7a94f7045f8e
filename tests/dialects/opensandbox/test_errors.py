"""The form of errors."""

from typing import Any

import orjson
import pytest

from interpreterd.dialects.opensandbox.errors import error_answer
from interpreterd.http.errors import INTERNAL
from interpreterd.model.errors import ContextNotFound, LimitReached


@pytest.mark.parametrize(
    ("error", "status"), [(ContextNotFound("it"), 404), (LimitReached("l"), 503), (INTERNAL, 500)], ids=str
)
def test_an_error_has_a_status_and_a_sentence(error: Any, status: int) -> None:
    answer = error_answer(error)
    assert answer.status == status
    assert orjson.loads(answer.body)["message"]
