"""Plots as SVG within a page, so that their colours are the page's, light or dark. They have no script.

Every bar has its number beside it, and a label, so that its colour need not be recognised.
"""

from html import escape
from typing import Any, Final

from attrs import frozen

# Of a plot, in the SVG's own units; a page that is narrower than WIDTH scales them.
WIDTH: Final = 720
LABEL: Final = 290  # the beginning of the bars
LONGEST: Final = 330
ROW: Final = 26
FARTHEST: Final = 0.2
THICK: Final = 16
STYLE: Final = """<style>
.plot { max-width: 720px; width: 100%; height: auto; font-size: 13px; font-family: inherit; }
.plot text { fill: currentColor; }
.plot .ours { fill: var(--color-brand-primary, #2a6df4); stroke: var(--color-brand-primary, #2a6df4); }
.plot .floor { fill: #8b929c; stroke: #8b929c; }
.plot .peer { fill: #d9822b; stroke: #d9822b; }
.plot .wide { stroke-width: 3; }
.plot .line { stroke: currentColor; stroke-opacity: 0.5; stroke-dasharray: 3 3; }
</style>"""


@frozen
class Bar:
    """A bar as it is drawn; ``value`` is at least 0."""

    label: str
    kind: str
    value: float
    shown: str


def number(value: float, unit: str) -> str:
    """Return ``value`` with three digits, in a unit in which it is neither tiny nor huge."""
    match unit:
        case "s":
            return f"{value * 1e6:.3g} µs" if value < 1e-3 else f"{_digits(value * 1e3)} ms"
        case "bytes":
            return f"{value / 1e3:.3g} KB" if value < 1e6 else f"{_digits(value / 1e6)} MB"
        case "bytes/s":
            return f"{_digits(value / 1e6)} MB/s"
        case "1/s":
            return f"{value:.0f}/s"
        case _:
            return f"{value:.3g}"


def _digits(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def bars(title: str, drawn: list[Bar]) -> str:
    """Return bars as SVG on one line, because an empty line would end it in Markdown."""
    longest = max(bar.value for bar in drawn) or 1
    parts = []
    for index, bar in enumerate(drawn):
        middle = index * ROW + ROW / 2
        length = max(1.0, bar.value / longest * LONGEST)
        parts += [
            f'<text x="{LABEL - 10}" y="{middle + 5:g}" text-anchor="end">{escape(bar.label)}</text>',
            f'<rect class="{bar.kind}" x="{LABEL}" y="{middle - THICK / 2:g}" width="{length:.1f}" height="{THICK}"/>',
            f'<text x="{LABEL + length + 8:.1f}" y="{middle + 5:g}">{escape(bar.shown)}</text>',
        ]
    return _svg(title + ": " + "; ".join(f"{bar.label} {bar.shown}" for bar in drawn), len(drawn) * ROW, parts)


def _svg(told: str, height: int, parts: list[str]) -> str:
    head = f'<svg class="plot" viewBox="0 0 {WIDTH} {height}" role="img" xmlns="http://www.w3.org/2000/svg">'
    return f"<figure>{head}<title>{escape(told)}</title>{''.join(parts)}</svg></figure>"


def intervals(rows: list[dict[str, Any]]) -> str:
    """Return ratios and their intervals as SVG, beside the line of no difference; at most ``FARTHEST`` from it."""
    reach = min(FARTHEST, max(max(abs(row["low"] - 1), abs(row["high"] - 1)) for row in rows)) or FARTHEST
    centre, height = WIDTH - 130, len(rows) * 2 * ROW

    def place(ratio: float) -> float:
        return centre + max(-1, min(1, (ratio - 1) / reach)) * 110

    parts = [f'<line class="line" x1="{centre}" x2="{centre}" y1="0" y2="{height}"/>']
    for index, row in enumerate(rows):
        top = index * 2 * ROW
        what, verdict = escape(row["what"].replace("`", "")), escape(row["verdict"])
        low, high = place(row["low"]), place(row["high"])
        parts += [
            f'<text x="0" y="{top + 14}">{what}</text>',
            f'<text x="0" y="{top + 34}" opacity="0.75">{verdict}</text>',
            f'<line class="ours wide" x1="{low:.1f}" x2="{high:.1f}" y1="{top + 30}" y2="{top + 30}"/>',
            f'<circle class="ours" cx="{place(row["ratio"]):.1f}" cy="{top + 30}" r="5"/>',
        ]
    return _svg("; ".join(f"{row['what']}: {row['verdict']}" for row in rows), height, parts)
