"""The command line: ``interpreterd.start`` has ``serve``, ``interpreterd.cli`` all other commands."""

import os
import sys

from interpreterd import parent as parent  # first: it notes the parent's pid


def main(arguments: "list[str] | None" = None) -> int:
    """Run the command line and return its exit status: 0, 1 for a daemon that cannot start, 2 for wrong usage."""
    if arguments is None:
        arguments = sys.argv[1:]
        sys.path[:] = _libraries_first(sys.path)
    # No other module is imported before. And only the needed ones are imported: more would make the daemon slower to
    # start, and larger.
    if arguments[:1] == ["serve"] and not {"-h", "--help"}.intersection(arguments):
        from interpreterd.start import serve

        return serve(arguments[1:])
    from interpreterd.cli.main import main as run_command

    return run_command(arguments)


def _libraries_first(path: "list[str]") -> "list[str]":
    """Return ``path`` with the user's directories at its end: PYTHONPATH, and the script's or the current directory.

    They are for the workers' Python, perhaps another one than the daemon's. A json.py in them is not for the daemon.
    """
    users = set() if sys.flags.safe_path else set(path[:1])
    variable = "" if sys.flags.ignore_environment else os.environ.get("PYTHONPATH")
    if variable:
        users.update(map(_absolute, variable.split(os.pathsep)))
    return [entry for entry in path if entry not in users] + [entry for entry in path if entry in users]


def _absolute(path: str) -> str:
    try:
        return os.path.abspath(path)
    except OSError:  # the current directory no longer exists
        return path


if __name__ == "__main__":
    sys.exit(main())
