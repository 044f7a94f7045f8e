"""The lines of a traceback with colours, as Jupyter's front ends show it: SGR sequences of ECMA-48."""

import re
from typing import Final

from interpreterd.model.failures import Failure

_RULE: Final = "-" * 75
_FRAME: Final = re.compile(r'^(\s*(?:\|\s)*)File "(.*)", line (\d+)(?:, in (.*))?$')
_CARETS: Final = re.compile(r"^[\s|]*[\^~]+[\s^~]*$")
_RED, _GREEN, _CYAN = 31, 32, 36


def traceback_lines(failure: Failure) -> list[str]:
    """Return ``failure`` as a front end shows it: a rule, its name, the places in code, and what it says."""
    head = f"{failure.name}{'Traceback (most recent call last)':>{len(_RULE) - len(failure.name)}}"
    lines = failure.traceback.rstrip("\n").split("\n") if failure.traceback else []
    if not lines:
        return [_last(failure)]
    if lines[0].startswith("Traceback (most recent call last)"):
        lines[0] = _coloured(_RED, failure.name) + head[len(failure.name) :]
    else:  # of a SyntaxError, or of a group of exceptions
        lines.insert(0, _coloured(_RED, failure.name))
    return [_coloured(_RED, _RULE), lines[0], *_body(lines[1:], failure)]


def _body(lines: list[str], failure: Failure) -> list[str]:
    """Return the rest with colours: the last line that begins with the exception's name says what it is."""
    end = max((at for at, line in enumerate(lines) if _names(line, failure)), default=-1)
    shown = [_line(line) for line in lines]
    if end >= 0:
        before, name, after = lines[end].partition(failure.name)
        shown[end] = before + _coloured(_RED, name) + after
    else:
        shown.append(_last(failure))
    return shown


def _names(line: str, failure: Failure) -> bool:
    start, _, rest = line.partition(failure.name)
    return bool(failure.name) and (not start or start.endswith(".")) and rest[:1] in ("", ":")


def _line(line: str) -> str:
    if (place := _FRAME.match(line)) is not None:
        before, file, number, function = place.groups()
        where = f"{before}File {_coloured(_GREEN, file)}, line {_coloured(_GREEN, number)}"
        return where if function is None else f"{where}, in {_coloured(_CYAN, function)}"
    return _coloured(_RED, line) if _CARETS.match(line) else line


def _last(failure: Failure) -> str:
    return _coloured(_RED, failure.name) + (f": {failure.value}" if failure.value else "")


def _coloured(colour: int, text: str) -> str:
    return f"\x1b[{colour}m{text}\x1b[39m"
