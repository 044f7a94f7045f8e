"""The settings of isolation: valid and invalid values of flags and variables."""

from typing import Any

import pytest
from said import refusal, said

from interpreterd.model.isolation import OFF, PORTS, PROFILES
from interpreterd.workers.isolation.settings import IsolationSettings, isolation_of


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("isolation", "strict", "strict"),
        ("isolation_read", "/a/, /b/../c", ("/a", "/c")),
        ("isolation_write", "", ()),
        ("isolation_ports", "443, 8443", (443, 8443)),
        ("isolation_ports", "", ()),
    ],
)
def test_a_flag_and_a_variable_say_the_same(name: str, text: str, value: Any) -> None:
    assert said(name, text) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [("isolation", "most"), ("isolation_ports", "0"), ("isolation_ports", "https"), ("isolation_read", "/a" * 3000)],
)
def test_a_bad_value_is_refused(name: str, text: str) -> None:
    assert refusal(name, text)


def test_the_choices_are_those_of_the_model() -> None:
    usual = IsolationSettings()
    assert (usual.isolation, usual.isolation_ports) == (OFF, PORTS)
    assert {said("isolation", profile) for profile in PROFILES} == set(PROFILES)


def test_the_daemons_own_isolation_has_the_network_of_its_profile() -> None:
    assert isolation_of(IsolationSettings()).network == "host"
    strict = isolation_of(IsolationSettings(isolation="strict", isolation_read=("/data",)))
    assert (strict.network, strict.read_paths) == ("none", ("/data",))
