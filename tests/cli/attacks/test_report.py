"""The report says what held, what is admitted and what should have held."""

import pytest

from interpreterd.cli.attacks.attack import attacks
from interpreterd.cli.attacks.judging import AttackResult, Campaign, Judgement
from interpreterd.cli.attacks.report import show_campaigns, summary, to_json

FIRST, SECOND = attacks()[:2]


def run(*verdicts: Judgement) -> Campaign:
    outcomes = zip((FIRST, SECOND), verdicts, strict=True)
    return Campaign(
        "standard", frozenset({"landlock"}), tuple(AttackResult(it, "standard", how, "so") for it, how in outcomes)
    )


def test_a_profile_is_summed_up() -> None:
    held = "standard: 1 attacks held, 1 passed that THREATS.md admits, 0 that it does not; isolated by landlock"
    assert summary(run(Judgement.HELD, Judgement.ADMITTED)) == held
    refused = Campaign("strict", frozenset(), (), "no Landlock")
    assert summary(refused) == "strict: not to be had here: no Landlock"


def test_an_attack_that_should_have_held_stands_out(capsys: pytest.CaptureFixture[str]) -> None:
    show_campaigns([run(Judgement.HELD, Judgement.ESCAPED), Campaign("strict", frozenset(), (), "no Landlock")])
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert [line for line in lines if line.endswith("PASSED")] == [next(it for it in lines if SECOND.sentence in it)]
    assert f"  {SECOND.name}: so" in lines
    assert lines[0].split() == ["CODE", "IN", "A", "CONTEXT", "…", "STANDARD"], "strict has no column"


def test_programs_get_every_attack_of_every_profile() -> None:
    (report,) = to_json([run(Judgement.HELD, Judgement.ESCAPED)])
    assert (report["profile"], report["layers"], report["refused"]) == ("standard", ["landlock"], None)
    assert [(it["attack"], it["verdict"]) for it in report["attacks"]] == [
        (FIRST.name, "held"),
        (SECOND.name, "escaped"),
    ]
