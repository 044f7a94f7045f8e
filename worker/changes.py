"""The files that an execution makes or changes below the context's directory: two looks at the tree, and what differs.

Only for executions that ask for it, and bounded: a look ends after ``LOOK_S``, or ``ENTRIES`` files and directories.
"""

from posix import scandir
from time import monotonic, time_ns

from worker.channel import encode

ENTRIES = 50_000
LOOK_S = 1.0
FILES = 1000
PATHS_BYTES = 100 << 10  # of all paths as JSON: the list is a part of one message
TICK_NS = 20_000_000  # a time of a file may be this much behind the clock


class Changes:
    """Looks at ``directory`` now; ``report`` says what has changed since."""

    def __init__(self, directory):
        self._directory = directory
        self._began_ns = time_ns() - TICK_NS
        self._before, self._is_whole = look(directory)

    def report_undisturbed(self):
        """Do the same as ``report``, whatever signal handlers of user code raise meanwhile."""
        try:
            return self.report()
        except BaseException:
            return {"files": [], "cut": True}

    def report(self):
        """Return the changed files as pairs of path and size, sorted, and whether some may be missing."""
        after, is_whole = look(self._directory)
        is_cut = not (is_whole and self._is_whole)
        files = []
        left = PATHS_BYTES
        for path in sorted(after):
            found = after[path]
            known = self._before.get(path)
            if known == found or (known is None and not self._is_whole and found[3] < self._began_ns):
                continue
            shown = path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
            left -= len(encode(shown))
            if len(files) == FILES or left < 0:
                is_cut = True
                break
            files.append([shown, found[1]])
        return {"files": files, "cut": is_cut}


def look(directory):
    """Return inode, size, mtime and ctime of each regular file by its path, and whether these are all files.

    Links are not followed, and ``__pycache__`` is left out: Python itself writes there.
    """
    found = {}
    until = monotonic() + LOOK_S
    count = 0
    waiting = [""]
    while waiting:
        prefix = waiting.pop()
        try:
            with scandir(directory + "/" + prefix) as entries:
                for entry in entries:
                    count += 1
                    if count > ENTRIES or (count % 256 == 0 and monotonic() > until):
                        return found, False
                    try:
                        if entry.is_dir(follow_symlinks=False):
                            if entry.name != "__pycache__":
                                waiting.append(prefix + entry.name + "/")
                        elif entry.is_file(follow_symlinks=False):
                            it = entry.stat(follow_symlinks=False)
                            found[prefix + entry.name] = (it.st_ino, it.st_size, it.st_mtime_ns, it.st_ctime_ns)
                    except OSError:  # it is gone
                        pass
        except OSError:  # it is gone, or closed to this user
            pass
    return found, True
