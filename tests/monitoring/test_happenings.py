"""Sinks are told what happens, with the request that was served then."""

from typing import Any

import pytest

from interpreterd.model.caller import CALLER, ClientRequest
from interpreterd.model.errors import ContextNotFound, LimitReached
from interpreterd.model.happenings import Happening
from interpreterd.model.identity import CURRENT, Identity
from interpreterd.monitoring.happenings import HAPPENINGS, Happenings, tell_http_refusal, tell_refusal


class Noting:
    """A sink that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []

    def submitted(self, run: Any, request: Any) -> None:
        self.told.append(("submitted", run))

    def begun(self, run: Any) -> None:
        self.told.append(("begun", run))

    def ended(self, run: Any) -> None:
        self.told.append(("ended", run))

    def happened(self, happening: Happening) -> None:
        self.told.append((happening.name, happening))


def test_each_sink_is_told_everything_until_it_is_removed() -> None:
    happenings, first, second = Happenings(), Noting(), Noting()
    happenings.happened("early")
    happenings.add(first)
    happenings.add(second)
    happenings.submitted(1, None)  # type: ignore[arg-type]
    happenings.begun(1)  # type: ignore[arg-type]
    happenings.remove(first)
    happenings.remove(first)
    happenings.ended(1)  # type: ignore[arg-type]
    assert first.told == [("submitted", 1), ("begun", 1)]
    assert second.told == [*first.told, ("ended", 1)]


def test_a_happening_names_the_request_and_the_tenant() -> None:
    happenings, sink = Happenings(), Noting()
    happenings.add(sink)
    identity = CURRENT.set(Identity(tenant="ada"))
    caller = ClientRequest("r1")
    token = CALLER.set(caller)
    happenings.happened("context.created", "c1", listed=True)
    CALLER.reset(token)
    CURRENT.reset(identity)
    ((name, happening),) = sink.told
    assert (name, happening.context_id, happening.fields) == ("context.created", "c1", {"listed": True})
    assert (happening.caller, happening.tenant) == (caller, "ada")


def test_a_gate_keeps_new_work_out() -> None:
    happenings, sink = Happenings(), Noting()

    def shut() -> None:
        raise LimitReached("shut")

    happenings.check()
    happenings.add(sink, shut)
    with pytest.raises(LimitReached, match="shut"):
        happenings.check()
    happenings.remove(sink, shut)
    happenings.check()


def test_refusals_are_told_once_by_their_code() -> None:
    sink = Noting()
    HAPPENINGS.add(sink)
    try:
        error = ContextNotFound("secret-name")
        tell_refusal(error)
        tell_refusal(error)
        tell_http_refusal("not_found")
    finally:
        HAPPENINGS.remove(sink)
    assert [(name, it.fields) for name, it in sink.told] == [
        ("request.refused", {"reason": "context_not_found"}),
        ("request.refused", {"reason": "not_found"}),
    ]
