"""The report of ``doctor --isolation``."""

from collections.abc import Sequence
from typing import Any, Final

from interpreterd.cli.attacks.attack import attacks
from interpreterd.cli.attacks.judging import AttackResult, Campaign, Judgement
from interpreterd.cli.show import console, table

WORDS: Final = {
    Judgement.HELD: ("held", "green"),
    Judgement.STOPPED: ("held", "green"),
    Judgement.ADMITTED: ("admitted", "yellow"),
    Judgement.IMPOSSIBLE: ("-", "dim"),
    Judgement.ESCAPED: ("PASSED", "bold red"),
    Judgement.BROKEN: ("BROKEN", "bold red"),
}


def to_json(runs: Sequence[Campaign]) -> list[dict[str, Any]]:
    """Return the report for programs: an object for each profile."""
    return [
        {
            "profile": run.profile,
            "refused": run.refused,
            "layers": sorted(run.layers),
            "attacks": [it.to_json() for it in run.outcomes],
        }
        for run in runs
    ]


def show_campaigns(runs: Sequence[Campaign]) -> None:
    """Print a table with a column for each profile, what stops contexts of each, and what is to be explained."""
    from rich.text import Text

    had = [run for run in runs if run.refused is None]
    verdicts = {(it.profile, it.attack.name): it for run in had for it in run.outcomes}
    rows: list[Sequence[Any]] = []
    for kind in dict.fromkeys(it.kind for it in attacks()):
        rows.append((Text(kind, "bold"), *("" for _ in had)))
        for attack in (it for it in attacks() if it.kind == kind):
            cells = (verdicts.get((run.profile, attack.name)) for run in had)
            rows.append((attack.sentence.replace("`", ""), *map(_cell, cells)))
    out = console()
    out.print(
        table(("CODE IN A CONTEXT …", *(run.profile.upper() for run in had)), rows, wrap=("CODE IN A CONTEXT …",))
    )
    for run in runs:
        out.print(Text(summary(run)))
        for it in run.failures():
            out.print(Text(f"  {it.attack.name}: {it.said}", "bold red"))


def summary(run: Campaign) -> str:
    """Return one sentence about a profile."""
    if run.refused is not None:
        return f"{run.profile}: not to be had here: {run.refused}"
    held = sum(it.verdict in (Judgement.HELD, Judgement.STOPPED) for it in run.outcomes)
    admitted = sum(it.verdict is Judgement.ADMITTED for it in run.outcomes)
    failures = len(run.failures())
    by = ", ".join(sorted(run.layers)) or "nothing but the daemon"
    words = f"{held} attacks held, {admitted} passed that THREATS.md admits, {failures} that it does not"
    return f"{run.profile}: {words}; isolated by {by}"


def _cell(outcome: AttackResult | None) -> Any:
    from rich.text import Text

    return Text("") if outcome is None else Text(*WORDS[outcome.verdict])
