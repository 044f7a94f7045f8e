"""What code has shown, as text for a model: also where its ``text/plain`` names only a class."""

import re
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any, Final

_BARE: Final = re.compile(r"<[\w.]+(?: object)?(?: at 0x[0-9a-f]+)?>\Z")  # a repr that says nothing
_CELLS: Final = ("td", "th")
_SKIPPED: Final = ("style", "script", "head")
_LINES: Final = ("br", "p", "div", "li", "h1", "h2", "h3", "h4", "h5", "h6", "caption", "pre")
HTML_LIMIT_CHARS: Final = 1 << 20  # of HTML that is turned into text; of a longer one the beginning


def best_text(data: Mapping[str, Any]) -> str:
    """Return the best text among the representations ``data``, by MIME type; empty if there is none."""
    plain = data.get("text/plain")
    if isinstance(plain, str) and plain and not _BARE.match(plain.strip()):
        return plain
    for mime in ("text/markdown", "text/latex"):
        if isinstance(data.get(mime), str):
            return str(data[mime])
    if isinstance(html := data.get("text/html"), str) and (text := _text_of_html(html)):
        return text
    return plain if isinstance(plain, str) else ""


def _text_of_html(html: str) -> str:
    reader = _Reader()
    reader.feed(html[:HTML_LIMIT_CHARS])
    reader.close()
    return reader.text()


class _Reader(HTMLParser):
    """Collects the text of a page; a table's rows become lines with aligned columns."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._pieces: list[str] = []
        self._rows: list[list[str]] | None = None
        self._cell: list[str] | None = None
        self._skipped = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SKIPPED:
            self._skipped += 1
        elif tag == "table" and self._rows is None:
            self._rows = []
        elif tag == "tr" and self._rows is not None:
            self._rows.append([])
        elif tag in _CELLS and self._rows:
            self._end_cell()
            self._cell = []
        elif tag in _LINES and self._rows is None:
            self._pieces.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _SKIPPED:
            self._skipped = max(0, self._skipped - 1)
        elif tag in _CELLS:
            self._end_cell()
        elif tag == "table" and self._rows is not None:
            self._end_cell()
            self._pieces += ["\n", _aligned(self._rows), "\n"]
            self._rows = None
        elif tag in _LINES and self._rows is None:
            self._pieces.append("\n")

    def handle_data(self, data: str) -> None:
        if self._skipped:
            return
        if self._rows is None:
            self._pieces.append(" ".join(data.split()) if data.strip() else " ")
        elif self._cell is not None:
            self._cell.append(data)

    def text(self) -> str:
        """Return all text, without empty lines."""
        lines = (line.rstrip() for line in "".join(self._pieces).splitlines())
        return "\n".join(line for line in lines if line.strip())

    def _end_cell(self) -> None:
        if self._cell is not None and self._rows:
            self._rows[-1].append(" ".join("".join(self._cell).split()))
        self._cell = None


def _aligned(rows: list[list[str]]) -> str:
    widths: list[int] = []
    for row in rows:
        widths += [0] * (len(row) - len(widths))
        for column, cell in enumerate(row):
            widths[column] = max(widths[column], len(cell))
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)) for row in rows)
