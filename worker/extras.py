"""What some executions have besides their output: host functions, and a report of the files that they change."""


class Extras:
    """Those of one execution: made before it, closed after it."""

    def __init__(self, message, cwd, channel, stdin, namespace):
        self._changes = self._functions = None
        if "files" in message:
            from worker.changes import Changes

            self._changes = Changes(cwd)
        if "functions" in message:
            from worker.functions import Functions

            self._functions = Functions(message, channel, stdin, namespace)

    def close(self):
        """The code has ended."""
        if self._functions is not None:
            self._functions.withdraw()

    def report(self):
        """Return what they add to the message about the end."""
        return {} if self._changes is None else {"files": self._changes.report_undisturbed()}
