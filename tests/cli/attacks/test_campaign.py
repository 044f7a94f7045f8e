"""Without isolation every attack passes, except those that the daemon or the kernel stops for each context."""

import pytest

from interpreterd.cli.attacks.attack import attacks
from interpreterd.cli.attacks.campaign import attacked
from interpreterd.cli.attacks.judging import Judgement
from interpreterd.client.errors import StartFailed

pytestmark = pytest.mark.daemon


def test_without_isolation_each_attack_passes_unless_the_table_says_who_stops_it() -> None:
    (run,) = attacked(["off"])
    assert [it.attack for it in run.outcomes] == list(attacks())
    assert [f"{it.attack.name}: {it.said}" for it in run.failures()] == []
    # An attack that cannot succeed anywhere would prove nothing about isolation.
    idle = [it.attack for it in run.outcomes if it.verdict is Judgement.STOPPED]
    assert [it.name for it in idle if it.setting is None] == []


def test_attacks_can_be_chosen() -> None:
    (run,) = attacked(["off"], chosen=attacks()[:1])
    assert [it.attack.name for it in run.outcomes] == ["read-file"]


def test_a_daemon_that_does_not_start_says_why() -> None:
    with pytest.raises(StartFailed, match="--grace-s"):
        attacked(["off"], ["--grace-s", "never"], chosen=attacks()[:1])
