"""The report of a run: one screen."""

import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence

from attrs import define, field

VIOLATIONS_SHOWN = 20
LINE_LIMIT_CHARS = 2500


@define
class Phase:
    """One part of a run.

    Attributes:
        counts: By group: executions by kind, faults by kind, endings by outcome.
        seconds: Samples of times, by their names.
        facts: Other results, in words.
        violations: The broken promises, with details.
    """

    name: str
    counts: defaultdict[str, Counter[str]] = field(factory=lambda: defaultdict(Counter))
    seconds: defaultdict[str, list[float]] = field(factory=lambda: defaultdict(list))
    facts: list[str] = field(factory=list)
    violations: list[str] = field(factory=list)

    def count(self, group: str, *kinds: str) -> None:
        """Count one of each kind."""
        self.counts[group].update(kinds)

    def expect(self, kept: bool, promise: str) -> None:
        """Note a violation unless ``kept``."""
        if not kept:
            self.violations.append(promise)

    def lines(self) -> list[str]:
        """Return the lines of the report."""
        told = [self.name]
        for group, counter in self.counts.items():
            kinds = ", ".join(f"{kind} {count:,}" for kind, count in sorted(counter.items(), key=lambda item: -item[1]))
            told.append(f"  {group} {counter.total():,}: {kinds}")
        told += [f"  {what}: {times(samples)}" for what, samples in self.seconds.items()]
        told += [f"  {fact}" for fact in self.facts]
        return told


def times(samples: Sequence[float]) -> str:
    """Return the median, the 99th percentile and the largest of some seconds, in milliseconds."""
    ordered = sorted(samples)
    p99 = ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
    return (
        f"p50 {statistics.median(ordered) * 1e3:.1f} ms, p99 {p99 * 1e3:.1f} ms,"
        f" max {ordered[-1] * 1e3:.1f} ms (n = {len(ordered):,})"
    )


def tell(phases: list[Phase], head: str) -> str:
    """Return the report."""
    violations = [f"{phase.name}: {what}" for phase in phases for what in phase.violations]
    shown = [f"  {what[:LINE_LIMIT_CHARS]}" for what in violations[:VIOLATIONS_SHOWN]]
    if len(violations) > VIOLATIONS_SHOWN:
        shown.append(f"  and {len(violations) - VIOLATIONS_SHOWN} more")
    return "\n".join(
        [head, *(line for phase in phases for line in phase.lines()), f"violations: {len(violations)}", *shown]
    )
