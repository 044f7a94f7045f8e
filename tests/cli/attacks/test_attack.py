"""The table of attacks is whole, and says what THREATS.md says."""

import pytest

from interpreterd.cli.attacks.attack import CERTAIN, FILES, POSSIBLE, Attack, attacks
from interpreterd.model.isolation import PROFILES

LAYERS = frozenset().union(*CERTAIN.values(), *POSSIBLE.values())


def attack(**keys: object) -> Attack:
    return Attack(**{"name": "a", "kind": "k", "sentence": "does it", "code": "pass", **keys})


def test_each_attack_has_a_name_of_its_own_and_a_sentence_of_its_own() -> None:
    assert len({it.name for it in attacks()}) == len({it.sentence for it in attacks()}) == len(attacks()) > 100
    assert len({it.kind for it in attacks()}) == len(FILES)


@pytest.mark.parametrize("row", attacks(), ids=lambda row: row.name)
def test_an_attack_has_code_that_compiles_known_layers_and_a_reason_where_it_is_not_stopped(row: Attack) -> None:
    compile(row.code, row.name, "exec")
    assert {*row.stopped, *row.strict, *row.off} <= LAYERS
    for profile in PROFILES[1:]:
        assert row.is_stopped(profile, frozenset()) or row.because, f"{profile}: why not?"
    assert "|" not in row.sentence + row.because, "it is a cell of a table"


def test_a_layer_that_every_context_of_a_profile_has_stops_an_attack_for_certain() -> None:
    row = attack(stopped=("mount-namespace", "landlock"))
    assert row.layers("standard") == ("landlock", "mount-namespace")
    assert row.is_stopped("standard", frozenset())
    assert not row.is_stopped("off", frozenset())
    assert row.cell("standard") == "stopped: `landlock`, `mount-namespace`"
    assert row.cell("off") == "not stopped"


def test_a_layer_that_a_machine_may_lack_stops_an_attack_where_it_is() -> None:
    row = attack(stopped=("mount-namespace", "pid-namespace"), because="nothing else sees it")
    assert row.is_stopped("standard", frozenset({"mount-namespace"}))
    assert not row.is_stopped("standard", frozenset({"landlock"}))
    assert row.cell("standard") == "stopped with `mount-namespace`; otherwise not: nothing else sees it"
    assert (
        row.cell("strict") == "stopped with `mount-namespace` or `pid-namespace`; otherwise not: nothing else sees it"
    )


def test_strict_has_further_layers() -> None:
    row = attack(strict=("seccomp",), because="it is needed")
    assert row.cell("standard") == "not stopped: it is needed"
    assert row.cell("strict") == "stopped: `seccomp`"


def test_the_kernel_stops_an_attack_of_an_ordinary_user_in_every_profile() -> None:
    row = attack(off=("permissions",), stopped=("capabilities",))
    assert row.cell("off") == "stopped unless the daemon is root's"
    assert row.is_stopped("off", frozenset({"permissions"}))
    assert not row.is_stopped("off", frozenset())
    assert row.cell("standard") == "stopped: `capabilities`"
