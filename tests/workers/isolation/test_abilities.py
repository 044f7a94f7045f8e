"""What this machine can do is found out by trying, and the answer is read as untrusted."""

import sys

import pytest
from confined import abilities

from interpreterd.model.isolation import IsolationUnavailable
from interpreterd.workers.isolation.abilities import Abilities, parsed_abilities


def test_this_machine_can_do_something() -> None:
    found = abilities(sys.executable)
    assert found.architecture
    assert sys.base_prefix in found.paths
    assert found.landlock >= 0


@pytest.mark.parametrize("answer", [b"", b"[]", b"{}", b'{"architecture":1,"landlock":2,"seccomp":true}', b"\xff"])
def test_any_other_answer_is_none(answer: bytes) -> None:
    with pytest.raises(IsolationUnavailable):
        parsed_abilities(answer)


def test_connections_to_own_servers_are_a_layer_where_the_daemon_can_make_them() -> None:
    assert Abilities(landlock=7, seccomp=True, loopback=True).layers == ("landlock:7", "seccomp", "loopback")
    assert "loopback" not in Abilities(landlock=7, seccomp=True).layers


def test_numbers_of_an_unknown_architecture_are_not_guessed() -> None:
    assert Abilities(seccomp=True).filters
    assert not Abilities(seccomp=True, architecture="riscv64").filters
