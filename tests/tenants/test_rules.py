"""A tenant's table has keys of the daemon's own flags."""

import attrs
import pytest

from interpreterd.contexts.settings import ContextSettings
from interpreterd.model.limits import Limits
from interpreterd.model.rules import Quotas
from interpreterd.tenants.rules import LIMIT_SETTINGS, QUOTA_SETTINGS, check_value, parse_setting, tenant_rules


def bad(key: str, what: str) -> Exception:
    return RuntimeError(what)


def test_every_quota_and_every_limit_has_a_key() -> None:
    assert set(QUOTA_SETTINGS.values()) == {it.name for it in attrs.fields(Quotas)}
    assert set(LIMIT_SETTINGS.values()) == set(Limits.kinds())
    flags = {it.name for it in attrs.fields(ContextSettings)}
    assert (LIMIT_SETTINGS.keys() | QUOTA_SETTINGS.keys()) - flags == {"max_connections", "archives_total_bytes"}


def test_a_value_may_be_a_number_or_a_text() -> None:
    assert parse_setting("context_memory", "1G") == parse_setting("context_memory", 1 << 30) == 1 << 30
    rules = tenant_rules({"max-contexts": 3, "max_connections": "4"}, bad)
    assert (rules.quotas.contexts, rules.quotas.connections) == (3, 4)
    assert tenant_rules({"archives-total-bytes": "2G"}, bad).quotas.archive_bytes == 2 << 30


@pytest.mark.parametrize("value", [[], {}, True, None])
def test_another_type_is_refused(value: object) -> None:
    with pytest.raises(RuntimeError, match="max-contexts: must be a string or a number"):
        tenant_rules({"max-contexts": value}, bad)


def test_a_directory_is_an_absolute_path() -> None:
    assert tenant_rules({"cwd": "/srv/acme"}, bad).cwd == "/srv/acme"
    check_value("cwd", "/srv/acme")
    for wrong in ("srv", "", 3, "/\0"):
        with pytest.raises(RuntimeError, match="cwd: must be the absolute path of a directory"):
            tenant_rules({"cwd": wrong}, bad)
        with pytest.raises(ValueError, match="must be the absolute path"):
            check_value("cwd", str(wrong))
