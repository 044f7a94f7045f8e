"""Looks at the namespace, in place of running code: each is a lazy module, and returns a dict for ``done``."""

TEXT_LIMIT_CHARS = 100_000  # of all texts of an answer; as JSON it then stays below the limit of a message


def look(task, code, namespace):
    """Return what ``task`` finds. May run user code, and so raise anything."""
    kind = task["kind"]
    if kind == "complete":
        from worker.completing import complete

        found = complete(code, task["cursor"], namespace)
    elif kind == "inspect":
        from worker.inspecting import inspected

        found = inspected(code, task["cursor"], task["detail"], namespace)
    elif kind == "isComplete":
        from worker.completeness import completeness

        found = completeness(code)
    elif kind == "history":
        from worker.history import history

        found = history(task)
    elif kind == "comms":
        from worker.comms import open_comms

        found = open_comms(task["target"])
    elif kind == "comm":  # no look, but it also runs something else than a cell
        from worker.comms import receive

        return receive(task, code)
    else:
        from worker.variables import variables

        found = variables(namespace)
    return {"kind": kind, **found}
