"""How attacks went, against what the table says of them."""

import enum
from collections.abc import Mapping
from typing import Any, Self

from attrs import frozen

from interpreterd.cli.attacks.attack import Attack


class Judgement(enum.StrEnum):
    """What an attack shows about the profile of its context."""

    HELD = "held"  # it was stopped, as the table says
    ADMITTED = "admitted"  # it has passed, as the table says
    ESCAPED = "escaped"  # it has passed, though the table says that it is stopped
    STOPPED = "stopped"  # it was stopped, though the table does not promise it
    IMPOSSIBLE = "impossible"  # this machine has not what it is for
    BROKEN = "broken"  # it did not end as attacks do


@frozen
class AttackResult:
    """How one attack went in one context.

    Attributes:
        said: What stopped it, or what it has reached.
    """

    attack: Attack
    profile: str
    verdict: Judgement
    said: str

    @classmethod
    def of(
        cls, attack: Attack, answer: Mapping[str, Any] | None, run: tuple[str, frozenset[str]], evidence: frozenset[str]
    ) -> Self:
        """Judge what ``attacker.py`` said of an attack.

        Args:
            answer: Its line; None if there is none.
            run: The profile of the context, and its layers.
            evidence: What an observer outside has seen.
        """
        profile, layers = run
        if answer is None:
            return cls(attack, profile, Judgement.BROKEN, "no answer")
        verdict, said = answer["verdict"], answer["said"]
        if verdict == "passed" and attack.evidence is not None and attack.evidence not in evidence:
            verdict, said = "held", "without effect"
        if verdict in ("impossible", "broken"):
            return cls(attack, profile, Judgement(verdict), said)
        stops, passed = attack.is_stopped(profile, layers), verdict == "passed"
        table = {
            (True, False): Judgement.HELD,
            (True, True): Judgement.ESCAPED,
            (False, True): Judgement.ADMITTED,
            (False, False): Judgement.STOPPED,
        }
        return cls(attack, profile, table[stops, passed], said)

    def to_json(self) -> dict[str, Any]:
        return {
            "attack": self.attack.name,
            "kind": self.attack.kind,
            "sentence": self.attack.sentence,
            "profile": self.profile,
            "verdict": self.verdict,
            "said": self.said,
            "stoppedBy": list(self.attack.layers(self.profile)),
        }


@frozen
class Campaign:
    """The attacks of one context.

    Attributes:
        layers: The names of what isolates it, as the daemon shows them, without versions.
        refused: Why the daemon makes no such context here; None if it does.
    """

    profile: str
    layers: frozenset[str]
    outcomes: tuple[AttackResult, ...]
    refused: str | None = None

    def failures(self) -> list[AttackResult]:
        """Return the attacks that the table does not admit, and those that said nothing."""
        return [it for it in self.outcomes if it.verdict in (Judgement.ESCAPED, Judgement.BROKEN)]
