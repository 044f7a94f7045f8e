"""Which addresses other machines can reach."""

import pytest

from interpreterd.http.exposure import check_private, is_exposed
from interpreterd.http.settings import HttpSettings
from interpreterd.setting_kinds import SettingError


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1.2.3", "::1", "localhost", "a.localhost", "::ffff:127.0.0.1", "no.such.name.invalid"]
)
def test_this_machines_own_addresses_are_private(host: str) -> None:
    assert not is_exposed(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", "10.0.0.1"])
def test_all_others_are_exposed(host: str) -> None:
    assert is_exposed(host)


def test_the_setting_with_an_exposed_address_is_named() -> None:
    check_private(HttpSettings(also_listen=("unix:/x", "localhost:1")))
    check_private(HttpSettings(host="0.0.0.0", unix_socket="/x"))
    for settings, name in (
        (HttpSettings(host="0.0.0.0"), "host"),
        (HttpSettings(also_listen=("localhost:1", "[::]:2")), "also_listen"),
    ):
        with pytest.raises(SettingError, match="give --token-file or INTERPRETERD_TOKEN, or --insecure-bind") as caught:
            check_private(settings)
        assert caught.value.name == name
