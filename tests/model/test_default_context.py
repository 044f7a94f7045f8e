"""The default context's id is part of the API."""

from interpreterd.model.default_context import DEFAULT_CONTEXT_ID


def test_clients_know_the_default_context_by_this_id() -> None:
    assert DEFAULT_CONTEXT_ID == "default"
