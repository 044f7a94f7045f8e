"""The port shows no type from behind it, and each service implements all of it."""

import inspect
import typing
from collections.abc import Iterator
from typing import Any

import pytest

from interpreterd.contexts import service
from interpreterd.contexts.journal import Follower
from interpreterd.contexts.local import LocalContexts, LocalSubmission
from interpreterd.contexts.service import ContextService, Events, Submission
from interpreterd.tenants.contexts import TenantContexts

PORT = (ContextService, Events, Submission)
OF_THE_PORT = ("interpreterd.model.", "interpreterd.contexts.service", "builtins", "collections.abc", "typing", "types")


def verbs(protocol: type) -> dict[str, Any]:
    """Return the functions of a protocol, also those behind properties, by name."""
    return {
        name: it.fget if isinstance(it, property) else it
        for base in protocol.__mro__
        if base.__module__ == service.__name__
        for name, it in vars(base).items()
        if (not name.startswith("_") or name == "__aiter__") and (inspect.isfunction(it) or isinstance(it, property))
    }


def types_of(annotation: Any) -> Iterator[Any]:
    """Yield each type in an annotation."""
    yield typing.get_origin(annotation) or annotation
    for inner in typing.get_args(annotation):
        yield from types_of(inner)


@pytest.mark.parametrize("protocol", PORT)
def test_the_port_speaks_in_words_of_the_model(protocol: type) -> None:
    for name, verb in verbs(protocol).items():
        for annotation in typing.get_type_hints(verb).values():
            for kind in types_of(annotation):
                module = getattr(kind, "__module__", "builtins")
                assert module.startswith(OF_THE_PORT), f"{name} shows {kind}"


@pytest.mark.parametrize(
    ("protocol", "kind"),
    [
        (ContextService, LocalContexts),
        (ContextService, TenantContexts),
        (Submission, LocalSubmission),
        (Events, Follower),
    ],
)
def test_each_service_implements_every_verb_of_the_port(protocol: type, kind: type) -> None:
    for name, verb in verbs(protocol).items():
        own = inspect.getattr_static(kind, name)
        own = own.fget if isinstance(own, property) else own
        assert inspect.iscoroutinefunction(own) is inspect.iscoroutinefunction(verb), name
        expected, answered = (inspect.signature(it).parameters.values() for it in (verb, own))
        known = [(it.name, it.kind, it.default) for it in expected]
        all_of = [(it.name, it.kind, it.default) for it in answered]
        assert all_of[: len(known)] == known, name
        assert all(more[1:] == (inspect.Parameter.KEYWORD_ONLY, None) for more in all_of[len(known) :]), name


def test_what_may_take_a_way_is_a_coroutine() -> None:
    assert {name for name, it in verbs(ContextService).items() if not inspect.iscoroutinefunction(it)} == {
        "closing",
        "file_limit_bytes",
        "state",
    }


def test_the_port_is_narrow() -> None:
    assert len(verbs(ContextService)) <= 26
