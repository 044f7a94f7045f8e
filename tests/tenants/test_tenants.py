"""The identity of a request, and the contexts that it gets."""

from pathlib import Path
from typing import Any

import pytest
from tenancy import Tokens, write_tokens

from interpreterd.model.access_errors import TooManyAttempts, Unauthorized
from interpreterd.model.errors import Forbidden, InvalidRequest
from interpreterd.model.rules import Rules
from interpreterd.tenants.attempts import ATTEMPTS_AT_ONCE
from interpreterd.tenants.contexts import TenantContexts
from interpreterd.tenants.reading import ReadOnlyContexts
from interpreterd.tenants.tenants import CREDENTIALS_LIMIT, Tenants
from interpreterd.tenants.tokens import chosen_token


class Inner:
    """Remembers the rules of tenants."""

    def __init__(self) -> None:
        self.rules: dict[str, Rules] = {}
        self.state = None
        self.owner = {}.get

    def add_tenant(self, tenant: str, rules: Rules) -> None:
        self.rules[tenant] = rules


TABLES = "[tenants.acme]\nmax-contexts = 2\n[tenants.empty]"


@pytest.fixture
def tokens(tmp_path: Path) -> Tokens:
    return write_tokens(tmp_path / "tokens", TABLES, admin="admin", acme="tenant acme", reader="read acme")


def tenants_of(tokens: Tokens, inner: Any = None, chosen: str = "") -> Tenants:
    found = chosen_token(chosen) if chosen else None
    return Tenants(inner or Inner(), token_file=str(tokens.path), chosen=found, clock=lambda: 0.0)  # type: ignore[arg-type]


def test_every_tenant_has_its_rules(tokens: Tokens) -> None:
    inner = Inner()
    tenants_of(tokens, inner)
    assert inner.rules.keys() == {"", "acme", "empty"}
    assert inner.rules["acme"].quotas.contexts == 2


def test_the_first_credential_that_is_a_token_decides(tokens: Tokens) -> None:
    tenants = tenants_of(tokens)
    assert tenants.identify(["junk", tokens.texts["acme"]], "a", None).tenant == "acme"
    with pytest.raises(Unauthorized):
        tenants.identify([], "a", None)
    with pytest.raises(Unauthorized, match="not known"):
        tenants.identify(["junk"], "a", None)


def test_wrong_tokens_have_to_wait_and_a_good_one_never_has(tokens: Tokens) -> None:
    tenants = tenants_of(tokens, chosen="a-short-token")
    for _ in range(ATTEMPTS_AT_ONCE):
        with pytest.raises(Unauthorized) as caught:
            tenants.identify(["junk"], "a", None)
        assert type(caught.value) is Unauthorized
    with pytest.raises(TooManyAttempts) as refused:
        tenants.identify(["junk"], "a", None)
    assert refused.value.retry_after_s > 0
    assert tenants.identify([tokens.texts["acme"]], "a", None).tenant == "acme"
    with pytest.raises(TooManyAttempts):
        tenants.identify(["a-short-token"], "a", None)
    assert tenants.identify(["a-short-token"], "b", None).role == "admin"


def test_one_request_cannot_try_many_tokens(tokens: Tokens) -> None:
    tenants = tenants_of(tokens, chosen="a-short-token")
    some = [f"junk-{number}" for number in range(CREDENTIALS_LIMIT - 1)]
    assert tenants.identify([*some, "a-short-token"], "a", None).role == "admin"
    with pytest.raises(Unauthorized):
        tenants.identify([*some, "junk", "a-short-token"], "a", None)


def test_only_an_administrator_acts_for_another_tenant(tokens: Tokens) -> None:
    tenants = tenants_of(tokens)
    acting = tenants.identify([tokens.texts["admin"]], "a", "acme")
    assert (acting.tenant, acting.sees_all, acting.role) == ("acme", False, "admin")
    assert tenants.identify([tokens.texts["acme"]], "a", "acme").tenant == "acme"
    with pytest.raises(Forbidden):
        tenants.identify([tokens.texts["acme"]], "a", "empty")
    with pytest.raises(InvalidRequest, match="X-Tenant"):
        tenants.identify([tokens.texts["admin"]], "a", "none")


def test_equal_identities_share_their_contexts_and_readers_only_read(tokens: Tokens) -> None:
    tenants = tenants_of(tokens)
    own, acting, reading = (
        tenants.contexts_of(tenants.identify([tokens.texts[name]], "a", acts_for))
        for name, acts_for in (("acme", None), ("admin", "acme"), ("reader", None))
    )
    assert own is acting
    assert isinstance(own, TenantContexts)
    assert isinstance(reading, ReadOnlyContexts)


def test_a_reload_says_which_identities_are_outdated_and_a_bad_file_changes_nothing(
    tokens: Tokens, caplog: pytest.LogCaptureFixture
) -> None:
    tenants = tenants_of(tokens)
    before = {name: tenants.identify([text], "a", None) for name, text in tokens.texts.items()}
    acting = tenants.identify([tokens.texts["admin"]], "a", "acme")
    text = tokens.path.read_text()
    tokens.path.write_text("nonsense")
    assert not any(map(tenants.reload(), before.values()))
    assert "the tokens stay as they are" in caplog.text
    tokens.path.write_text(text.replace(tokens.id_of("acme"), "0123abcd").replace('role = "read"', 'role = "tenant"'))
    is_outdated = tenants.reload()
    assert {name: is_outdated(it) for name, it in before.items()} == {"admin": False, "acme": True, "reader": True}
    assert not is_outdated(acting)
    tokens.path.write_text("[[tokens]]" + text.split("[[tokens]]")[1])
    assert tenants.reload()(acting)
