"""What a worker knows of the cells that it has run, for archives: sources, numbers, flags, the last value."""

from worker.sources import NUMBERS


def state_of(cells):
    """Return what ``resume`` takes: it consists of Python's own types."""
    results = cells.results
    return {
        "count": cells.count,
        "inputs": dict(cells.inputs),
        "outputs": {} if results is None else dict(results.outputs),
        "flags": cells.flags,
        "sources": [(source, NUMBERS.get(name)) for name, source in cells.sources.by_file.items()],
    }


def resume(cells, state):
    """Go on as if the cells of ``state`` had run in this worker."""
    cells.count, cells.flags = state["count"], state["flags"]
    cells.inputs.update(state["inputs"])
    for source, number in state["sources"]:
        cells.sources.number = number
        cells.sources.add(source)
    cells.sources.number = None
    if state["outputs"]:
        results = cells.show_results()
        for number, text in state["outputs"].items():
            results.keep(number, text)


def recall(cells, value):
    """Let ``value`` be the value of the last cell, as ``_``."""
    cells.show_results().remember(value)
