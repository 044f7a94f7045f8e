"""The history: sources of the cells of this worker, and the texts of their results; see ``namespace.Cells``."""

from worker import namespace
from worker.looking import TEXT_LIMIT_CHARS


def history(query):
    """Return the cells that ``query``, a ``HistoryQuery`` of ``interpreterd/model/looks.py``, asks for."""
    inputs = namespace.current.inputs
    results = namespace.current.results
    outputs = {} if results is None or not query["output"] else results.outputs
    chosen = list(_range(query, inputs) if query["access"] == "range" else _latest(query, inputs))
    cells, chars = [], 0
    for number in reversed(chosen):  # the newest are told first
        chars += len(inputs[number]) + len(outputs.get(number, ""))
        if chars > TEXT_LIMIT_CHARS:
            break
        cells.append({"number": number, "source": inputs[number], "output": outputs.get(number)})
    return {"cells": cells[::-1], "omitted": len(chosen) - len(cells)}


def _range(query, inputs):
    following = namespace.current.count + 1
    start, stop = query["start"], query["stop"]
    start = following + start if start <= 0 else start
    stop = following if stop is None else following + stop if stop < 0 else stop
    return [number for number in inputs if start <= number < stop]


def _latest(query, inputs):
    numbers = list(inputs)
    if query["access"] == "search":
        from fnmatch import translate
        from re import compile

        matches = compile(translate(query["pattern"])).match
        numbers = [number for number in numbers if matches(inputs[number])]
    if query["unique"]:
        latest = {inputs[number]: number for number in numbers}
        numbers = sorted(latest.values())
    n = query["n"]
    return numbers if n is None else numbers[max(0, len(numbers) - n) :]
