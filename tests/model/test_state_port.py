"""The port about state: each service implements all of it."""

import inspect

import pytest

from interpreterd.contexts.state.local import LocalState
from interpreterd.model.state_port import StateService
from interpreterd.tenants.state import ReadOnlyState, TenantState

VERBS = {name: it for name, it in vars(StateService).items() if inspect.iscoroutinefunction(it)}


@pytest.mark.parametrize("kind", [LocalState, TenantState, ReadOnlyState])
def test_each_service_implements_every_verb_about_state(kind: type) -> None:
    for name, verb in VERBS.items():
        own = inspect.getattr_static(kind, name)
        assert inspect.iscoroutinefunction(own), name
        expected, answered = (list(inspect.signature(it).parameters.values()) for it in (verb, own))
        known = [(it.name, it.kind, it.default) for it in expected]
        assert [(it.name, it.kind, it.default) for it in answered][: len(known)] == known, name
        assert all(it.kind is inspect.Parameter.KEYWORD_ONLY for it in answered[len(known) :]), name
