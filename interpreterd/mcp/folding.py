"""Output as a person would see it at the end: progress bars folded, colours gone; and only its head and its tail."""

import re
from collections import deque
from typing import Final

HELD_LINES: Final = 40  # code may still change them, by moving the cursor up
LINE_LIMIT_CHARS: Final = 64 << 10  # of a line that the cursor may still come back to
SEQUENCE_LIMIT_CHARS: Final = 4096  # of an escape sequence that has not ended
_TOKEN: Final = re.compile(
    r"(?P<csi>\x1b\[(?P<parameters>[0-?]*)[ -/]*(?P<final>[@-~]))"
    r"|(?P<string>\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\))"
    r"|(?P<escape>\x1b[ -/]*[0-Z\\`-~])"
    r"|(?P<control>[\x00-\x09\x0a-\x1f\x7f])"
)
# Without an end yet; the rest of it may come with the next piece.
_OPEN: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b]*\x1b?|[ -/]*)?\Z")


class Folding:
    """A small terminal without a width: it takes output in pieces, and gives lines once they no longer change.

    Carriage returns, backspaces, and the sequences that move the cursor or erase have their effect within the last
    ``HELD_LINES`` lines. All others vanish, and so do other control characters. A line that grows longer than
    ``LINE_LIMIT_CHARS`` is given with those above it, and what follows in it begins at its left edge.
    """

    def __init__(self) -> None:
        self._lines = [""]
        self._row = 0
        self._column = 0
        self._goes_on = False  # whether the first line held is the rest of one whose beginning has been given
        self._open = ""

    def feed(self, text: str) -> str:
        """Take a piece of output; return what no longer changes."""
        text = self._open + text
        self._open = ""
        if (cut := _OPEN.search(text)) and len(cut[0]) <= SEQUENCE_LIMIT_CHARS:
            text, self._open = text[: cut.start()], cut[0]
        place = 0
        done: list[str] = []
        for token in _TOKEN.finditer(text):
            self._write(text[place : token.start()], done)
            place = token.end()
            if token["control"]:
                self._control(token["control"], done)
            elif token["csi"]:
                self._move(token["final"], token["parameters"])
        self._write(text[place:], done)
        return "".join(done)

    def rest(self) -> str:
        """Return the lines that are held, the last one without a newline; they stay held."""
        return "\n".join(self._lines)

    @property
    def is_within_line(self) -> bool:
        """Whether the text so far ends within a line."""
        return bool(self._lines[-1]) or (len(self._lines) == 1 and self._goes_on)

    @property
    def last_line(self) -> str:
        """The last line that is not empty, as far as lines are held."""
        return next((line for line in reversed(self._lines) if line.strip()), "").strip()

    def _write(self, run: str, done: list[str]) -> None:
        if not run:
            return
        line = self._lines[self._row]
        if self._column == len(line):
            line += run
        else:
            line = line[: self._column].ljust(self._column) + run + line[self._column + len(run) :]
        self._column += len(run)
        self._lines[self._row] = line
        if len(line) > LINE_LIMIT_CHARS:  # each change would copy it
            self._give(self._row, done)
            done.append(line)
            self._lines[0], self._column = "", 0
            self._goes_on = True

    def _control(self, character: str, done: list[str]) -> None:
        match character:
            case "\n":
                self._row += 1
                self._column = 0
                if self._row == len(self._lines):
                    self._lines.append("")
                    self._give(len(self._lines) - HELD_LINES, done)
            case "\r":
                self._column = 0
            case "\b":
                self._column = max(0, self._column - 1)
            case "\t":
                self._write("\t", done)
            case _:
                pass

    def _give(self, count: int, done: list[str]) -> None:
        """Hold the first ``count`` lines no more."""
        if count > 0:
            done.extend(line + "\n" for line in self._lines[:count])
            del self._lines[:count]
            self._row -= count
            self._goes_on = False

    def _move(self, final: str, parameters: str) -> None:
        first = parameters.partition(";")[0]
        count = min(int(first), HELD_LINES * 1000) if first.isdecimal() and len(first) < 9 else 0
        line = self._lines[self._row]
        match final:
            case "A" | "F":
                self._row = max(0, self._row - max(count, 1))
                self._column = 0 if final == "F" else self._column
            case "B" | "E":
                self._row = min(len(self._lines) - 1, self._row + max(count, 1))
                self._column = 0 if final == "E" else self._column
            case "C":
                self._column = min(self._column + max(count, 1), LINE_LIMIT_CHARS)
            case "D":
                self._column = max(0, self._column - max(count, 1))
            case "G":
                self._column = min(max(count, 1) - 1, LINE_LIMIT_CHARS)
            case "K":
                after = line[self._column :] if count == 1 else ""
                before = "" if count else line[: self._column]
                self._lines[self._row] = (" " * self._column + after) if after else before
            case "J" if count == 0:
                self._lines[self._row] = line[: self._column]
                del self._lines[self._row + 1 :]
            case _:
                pass


class HeadAndTail:
    """The beginning and the end of a text, within a limit; characters between them are counted and dropped."""

    def __init__(self, limit_chars: int) -> None:
        """Keep at most ``limit_chars``: the first quarter of them from the beginning, the others from the end."""
        self._head_chars = limit_chars // 4
        self._tail_chars = limit_chars - self._head_chars
        self._head = ""
        self._tail: deque[str] = deque()
        self._kept_chars = 0  # of the tail
        self.cut_chars = 0

    def add(self, text: str) -> None:
        """Take the next piece of the text."""
        room = self._head_chars - len(self._head)
        if room > 0 and not self._tail:
            self._head += text[:room]
            text = text[room:]
        if not text:
            return
        self._tail.append(text)
        self._kept_chars += len(text)
        while (over := self._kept_chars - self._tail_chars) > 0:
            first = self._tail.popleft()
            gone = min(len(first), over)
            if gone < len(first):
                self._tail.appendleft(first[gone:])
            self._kept_chars -= gone
            self.cut_chars += gone

    def text(self, mark: str) -> str:
        """Return what is kept, with ``mark`` in the place of what is not; ``{}`` in it is the number of characters."""
        tail = "".join(self._tail)
        if not self.cut_chars:
            return self._head + tail
        head, cut = self._head, self.cut_chars
        # Whole lines, unless that would drop much.
        line_end = head.rfind("\n") + 1
        if line_end > len(head) // 2:
            cut += len(head) - line_end
            head = head[:line_end]
        line_start = tail.find("\n") + 1
        if 0 < line_start < len(tail) // 2:
            cut += line_start
            tail = tail[line_start:]
        gap = "" if not head or head.endswith("\n") else "\n"
        return f"{head}{gap}{mark.format(f'{cut:,}')}\n{tail}"
