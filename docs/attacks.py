"""THREATS.md's tables of attacks, drawn from the attacks that `interpreterd doctor --isolation` runs.

python docs/attacks.py         # rewrites them; a test compares, and runs each row
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from interpreterd.cli.attacks.attack import attacks
from interpreterd.model.isolation import PROFILES

ROOT: Final = Path(__file__).parent.parent
BEGIN, END = "<!-- attacks: begin -->", "<!-- attacks: end -->"


def tables() -> Iterator[str]:
    """Yield the lines of the tables: one for each kind of attack."""
    for kind in dict.fromkeys(it.kind for it in attacks()):
        yield f"### {kind}"
        yield ""
        yield f"| code in a context … | {' | '.join(PROFILES)} |"
        yield f"|---|{'---|' * len(PROFILES)}"
        for row in (it for it in attacks() if it.kind == kind):
            yield f"| {row.sentence} | {' | '.join(map(row.cell, PROFILES))} |"
        yield ""


def drawn(text: str) -> str:
    """Return ``text``, which is THREATS.md's, with the tables as they have to be."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    assert begin, f"THREATS.md needs the line {BEGIN!r}"
    assert end, f"THREATS.md needs the line {END!r}"
    return before + begin + "\n" + "\n".join(tables()).rstrip() + "\n" + end + after


if __name__ == "__main__":
    document = ROOT / "THREATS.md"
    document.write_text(drawn(document.read_text("utf-8")), "utf-8")
