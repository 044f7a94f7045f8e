"""An attack's outcome is judged by the table, and by what was seen from outside."""

import pytest

from interpreterd.cli.attacks.attack import Attack
from interpreterd.cli.attacks.judging import AttackResult, Campaign, Judgement

ROW = Attack(name="a", kind="k", sentence="does it", code="pass", stopped=("landlock",))
SEEN = Attack(name="b", kind="k", sentence="does it unseen", code="pass", evidence="signalled")


def judged(row: Attack, verdict: str | None, profile: str = "off", seen: frozenset[str] = frozenset()) -> Judgement:
    answer = None if verdict is None else {"name": row.name, "verdict": verdict, "said": "so"}
    return AttackResult.of(row, answer, (profile, frozenset({"landlock"})), seen).verdict


@pytest.mark.parametrize(
    ("verdict", "profile", "judgement"),
    [
        ("held", "standard", Judgement.HELD),
        ("killed", "standard", Judgement.HELD),
        ("passed", "standard", Judgement.ESCAPED),
        ("passed", "off", Judgement.ADMITTED),
        ("held", "off", Judgement.STOPPED),
        ("impossible", "standard", Judgement.IMPOSSIBLE),
        ("broken", "off", Judgement.BROKEN),
        (None, "off", Judgement.BROKEN),
    ],
)
def test_what_an_attack_says_is_held_against_the_table(verdict: str | None, profile: str, judgement: Judgement) -> None:
    assert judged(ROW, verdict, profile) is judgement


def test_an_attack_that_has_passed_without_effect_has_not_passed() -> None:
    assert judged(SEEN, "passed") is Judgement.STOPPED
    assert judged(SEEN, "passed", seen=frozenset({"signalled"})) is Judgement.ADMITTED


def test_what_escaped_or_broke_is_a_failure_of_the_run() -> None:
    verdicts = [
        Judgement.HELD,
        Judgement.ADMITTED,
        Judgement.ESCAPED,
        Judgement.STOPPED,
        Judgement.IMPOSSIBLE,
        Judgement.BROKEN,
    ]
    run = Campaign("off", frozenset(), tuple(AttackResult(ROW, "off", verdict, "so") for verdict in verdicts))
    assert [it.verdict for it in run.failures()] == [Judgement.ESCAPED, Judgement.BROKEN]
    assert run.outcomes[0].to_json()["stoppedBy"] == []
