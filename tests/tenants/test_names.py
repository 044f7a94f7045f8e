"""The ids of contexts, as the clients of one tenant know them."""

import pytest

from interpreterd.model.context_info import ContextInfo
from interpreterd.model.errors import ContextNotFound
from interpreterd.tenants.names import OwnNames

OWNERS = {"a": "acme", "g": "globex", "default@acme": "acme", "default@globex": "globex", "default": ""}


def names_of(tenant: str, *, sees_all: bool = False) -> OwnNames:
    return OwnNames(OWNERS.get, tenant, sees_all=sees_all)


def made(context_id: str, tenant: str, forked_from: str | None = None) -> ContextInfo:
    return ContextInfo(
        id=context_id, cwd="/", created_at=0, last_used_at=0, state="idle", tenant=tenant, forked_from=forked_from
    )


def test_every_tenant_calls_its_default_context_default_and_knows_no_other_one() -> None:
    acme, everything = names_of("acme"), names_of("", sees_all=True)
    assert acme.inside("default") == "default@acme"
    assert acme.inside("a") == "a"
    for foreign in ("g", "default@globex", "default@acme", "none"):
        with pytest.raises(ContextNotFound, match=rf"^context not found: {foreign}$"):
            acme.inside(foreign)
    assert everything.inside("default@globex") == "default@globex"
    assert everything.inside("default") == "default"


def test_a_fork_of_the_default_context_does_not_tell_its_id_within_the_daemon() -> None:
    acme = names_of("acme")
    shown = acme.shown(made("a", "acme", "default@acme"))
    assert (shown.id, shown.forked_from, shown.tenant) == ("a", "default", None)
    assert acme.shown(made("default@acme", "acme")).id == "default"
    assert acme.shown(made("a", "acme", "b")).forked_from == "b"
    seen = names_of("", sees_all=True).shown(made("a", "acme", "default@acme"))
    assert (seen.forked_from, seen.tenant) == ("default@acme", "acme")


def test_an_error_names_the_id_that_the_client_has_given() -> None:
    with (
        pytest.raises(ContextNotFound, match=r"^context not found: default$"),
        names_of("acme").in_own_words("default"),
    ):
        raise ContextNotFound("default@acme")
