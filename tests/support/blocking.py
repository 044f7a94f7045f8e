"""The blocking calls that the event loop's thread may make: the kernel answers them from memory in microseconds."""

from typing import Final

from blockbuster import BlockBuster

# Allowed calls, by file and functions: for proc(5), a directory's existence and the interpreter's path.
MAY_ASK: Final = {
    "interpreterd/processes/callers.py": {"socket_of"},
    "interpreterd/processes/families.py": {"children", "is_traced", "_list", "_threads"},
    "interpreterd/processes/owners.py": {"_search", "_entries", "_link"},
    "interpreterd/processes/proc_stat.py": {"stat", "named_stat"},
    "interpreterd/processes/remains.py": {"_look", "_descriptors"},
    "interpreterd/workers/directory.py": {"check_directory", "is_in", "real_directory"},
    "interpreterd/workers/isolation/namespaces.py": {"view"},
    "interpreterd/workers/launchers/spawn.py": {"_identity"},
}
_ASKING: Final = ("listdir", "stat", "path.samestat", "access", "scandir", "readlink")


def blocker() -> BlockBuster:
    """Return a blocker that raises when code of ``interpreterd`` blocks the event loop."""
    made = BlockBuster(["interpreterd"])
    for name in (*(f"os.{name}" for name in _ASKING), "io.BufferedReader.read"):
        if name in made.functions:
            for file, functions in MAY_ASK.items():
                made.functions[name].can_block_in(file, functions)
    return made
