"""What a new context of a tenant may use."""

from pathlib import Path

import pytest

from interpreterd.contexts.settings import ContextSettings
from interpreterd.contexts.tenancies import Tenancies
from interpreterd.contexts.turns import NO_SHARES
from interpreterd.model.access_errors import QuotaReached
from interpreterd.model.errors import InvalidLimit, InvalidRequest, InvalidWorkingDirectory
from interpreterd.model.isolation import NO_ISOLATION, Isolation, IsolationRequest
from interpreterd.model.limits import Limits
from interpreterd.model.requests import CreateContext
from interpreterd.model.rules import Quotas, Rules


def tenancies(usual: Isolation = NO_ISOLATION, **settings: int) -> Tenancies:
    return Tenancies(ContextSettings(cwd="/", **settings), {}, None, usual)  # type: ignore[arg-type]


def test_limits_are_the_tightest_of_daemon_tenant_and_context() -> None:
    it = tenancies(context_processes=10)
    it.add("acme", Rules(limits=Limits(processes=20, output_bytes=100)))
    account, limits = it.admit(CreateContext(tenant="acme"))
    assert (account.tenant, limits.processes, limits.output_bytes) == ("acme", 10, 100)
    assert it.admit(CreateContext())[1].output_bytes is None
    assert it.admit(CreateContext(tenant="acme", limits=Limits(output_bytes=5)))[1].output_bytes == 5
    with pytest.raises(InvalidLimit):
        it.admit(CreateContext(tenant="acme", limits=Limits(output_bytes=101)))


def test_a_tenant_has_quotas_and_a_default_context() -> None:
    it = tenancies()
    assert it.shares is NO_SHARES
    it.add("acme", Rules(quotas=Quotas(contexts=1)))
    shares = it.shares
    assert shares.running is not None
    it.add("globex", Rules())
    assert it.shares is shares
    assert it.defaults["default@acme"].tenant == "acme"
    it.accounts.of("acme").contexts = 1
    with pytest.raises(QuotaReached):
        it.admit(CreateContext(tenant="acme"))


def test_a_tenants_profile_tightens_the_daemons_and_never_loosens_it() -> None:
    it = tenancies(Isolation(profile="standard", network="ports"))
    for name, profile in (("strict", "strict"), ("off", "off"), ("none", None)):
        it.add(name, Rules(isolation=profile))
    found = {name: it.isolation(CreateContext(tenant=name)) for name in ("strict", "off", "none")}
    assert {name: each.profile for name, each in found.items()} == {
        "strict": "strict",
        "off": "standard",
        "none": "standard",
    }
    assert found["strict"].network == "none"
    with pytest.raises(InvalidRequest, match=r"isolation\.profile"):
        it.isolation(CreateContext(tenant="strict", isolation=IsolationRequest(profile="standard")))


def test_contexts_of_a_tenant_with_a_directory_stay_in_it(tmp_path: Path) -> None:
    own, other = tmp_path / "acme", tmp_path / "acme2"
    for each in (own / "inner", other):
        each.mkdir(parents=True)
    (own / "link").symlink_to(other)
    it = tenancies()
    it.add("acme", Rules(cwd=str(own)))
    it.add("globex", Rules())

    def begins(cwd: object = None, tenant: str = "acme") -> str:
        return it.directory(CreateContext(tenant=tenant, cwd=None if cwd is None else str(cwd)))

    assert (begins(), begins(own), begins(f"{own}/inner/../inner/")) == (str(own), str(own), str(own / "inner"))
    assert (begins(tenant="globex"), begins(other, "globex"), begins(other, "")) == ("/", str(other), str(other))
    for outside in (tmp_path, other, own / "link", f"{own}/../acme2", "/", "", ".", "/\0", f"{own}/../acme/link"):
        with pytest.raises(InvalidWorkingDirectory, match="not in the tenant's directory"):
            begins(outside)
