"""What the daemon asks of a worker between executions, apart from its configuration and its end."""


def operate(message, interpreter):
    """Do what ``message`` asks, and answer. In a process that goes on as another worker, return as well."""
    if message["type"] == "branch":
        from worker.branching import branch

        branch(message, interpreter)
    elif message["type"] in ("archive", "load"):
        from worker.archiving import answer

        answer(message, interpreter)
