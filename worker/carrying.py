"""What a fork of this process cannot carry, or shares with it: found at that moment, each with a kind and a name.

Kinds: ``thread``, ``executor``, ``task`` (of an event loop: it goes on in each copy, but what it waits for may not be
there), ``socket``, ``pipe``, ``descriptor``, ``file`` (which is written: its position is shared), ``connection``,
``shared_memory``, ``gpu``, ``process``, ``temporary`` (a directory that the original removes), ``timer``,
``thread_pool`` (of a library of C: the copies would wait for it for ever), and ``more``, which says how many are not
named.
"""

import _signal
import sys
from _thread import _count as count_threads

from worker import orphans, streams
from worker.open_files import of_descriptors, of_mappings
from worker.pools import executors_of, native_threads, pauses_of_openmp, settle_pools

LIMIT = 100  # of what is named
NAME_LIMIT_CHARS = 200
VARIABLES_LIMIT = 10_000  # of the namespace, that are looked at
_TIMERS = {
    _signal.ITIMER_REAL: "ITIMER_REAL: signal.alarm(), signal.setitimer()",
    _signal.ITIMER_VIRTUAL: "ITIMER_VIRTUAL: signal.setitimer()",
    _signal.ITIMER_PROF: "ITIMER_PROF: signal.setitimer()",
}


class Losses:
    """Those of one request: all but ``mend`` in the worker, ``mend`` in each copy."""

    def __init__(self, interpreter):
        self._cells = interpreter.cells
        self._channel_fd = interpreter.channel.fd
        self._loops = _loops(self._cells)
        self._executors = {}
        self._pauses = []

    def found(self):
        """Return what is lost: a kind and a name for each, and how many more there are. Raises nothing."""
        streams.current.before_fork()  # ends the worker's own thread
        try:
            self._pauses = pauses_of_openmp()
        except OSError:  # no descriptors
            pass
        lost = []
        for find in (
            self._of_threads,
            self._of_tasks,
            lambda: of_descriptors(self._channel_fd, self._loops),
            of_mappings,
            _gpus,
            _processes,
            _temporaries,
            _timers,
        ):
            try:
                lost += find()
            except Exception:  # user code has broken what this asks
                pass
        named = [{"kind": kind, "name": _shortened(name)} for kind, name in dict.fromkeys(lost)]
        if len(named) > LIMIT:
            named[LIMIT:] = [{"kind": "more", "name": f"{len(named) - LIMIT} more"}]
        return named

    def prepare(self):
        """Let the libraries of C give up threads that a copy would wait for; the next call starts them again."""
        settle_pools(self._pauses)

    def mend(self, purpose):
        """Let this copy work without what it has lost, and leave alone what is the original's."""
        from worker.mending import mend

        mend(self._cells, self._channel_fd, self._loops, self._executors, purpose)

    def _of_threads(self):
        threading = sys.modules.get("threading")
        lost, members = [], set()
        self._executors = executors_of(self._variables())
        for executor, threads in self._executors.items():
            lost.append(("executor", self._name_of(executor)))
            members |= threads
        others = []
        if threading is not None:
            others = [it for it in threading.enumerate() if it is not threading.main_thread()]
            lost += [("thread", it.name) for it in others if it not in members]
        unnamed = count_threads() - sum(not it.__class__.__name__.startswith("_Dummy") for it in others)
        if unnamed > 0:
            lost.append(("thread", f"{unnamed} of _thread.start_new_thread()"))
        return lost + native_threads({getattr(it, "native_id", None) for it in others}, self._pauses)

    def _of_tasks(self):
        asyncio = sys.modules.get("asyncio")
        for loop in self._loops:
            for task in asyncio.all_tasks(loop):
                name = getattr(task.get_coro(), "__qualname__", "")
                yield "task", f"{task.get_name()} ({name})" if name else task.get_name()

    def _variables(self):
        """Return values of the namespace, by name."""
        return dict(list(self._cells.module.__dict__.items())[-VARIABLES_LIMIT:])

    def _name_of(self, value):
        for name, other in self._variables().items():
            if other is value and not name.startswith("_"):
                return f"{name} ({type(value).__name__})"
        return getattr(value, "_thread_name_prefix", "") or type(value).__name__


def _shortened(name):
    name = str(name)
    return name if len(name) <= NAME_LIMIT_CHARS else name[: NAME_LIMIT_CHARS - 1] + "…"


def _loops(cells):
    """Return the event loops that the worker or a variable has, and that are open."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return []
    found = [] if cells.event_loop() is None else [cells.event_loop()]
    for value in list(cells.module.__dict__.values())[-VARIABLES_LIMIT:]:
        if isinstance(value, asyncio.AbstractEventLoop):
            found.append(value)
    return [loop for loop in dict.fromkeys(found) if not loop.is_closed()]


def _gpus():
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        return [("gpu", "torch.cuda")]
    return []


def _processes():
    lost = []
    for pid in sorted(orphans.children_now()):
        try:
            with open(f"/proc/{pid}/cmdline", "rb", 0) as file:
                command = file.read(4096)
        except OSError:
            continue
        # The one of a resource tracker is not code's, and one without a command has ended.
        if command and b"resource_tracker import main" not in command:
            words = command.rstrip(b"\0").replace(b"\0", b" ").decode("utf-8", "replace")
            lost.append(("process", f"{pid}: {words}"))
    return lost


def _temporaries():
    weakref = sys.modules.get("weakref")
    return [("temporary", place) for _, place in temporary_directories(weakref)]


def temporary_directories(weakref):
    """Return the finalizers that remove temporary directories, each with the directory."""
    found = []
    registry = {} if weakref is None else weakref.finalize._registry
    for finalizer in list(registry):
        peeked = finalizer.peek()
        if peeked is not None and getattr(peeked[1], "__qualname__", "") == "TemporaryDirectory._cleanup":
            found.append((finalizer, str(peeked[2][0])))
    return found


def _timers():
    return [("timer", name) for kind, name in _TIMERS.items() if _signal.getitimer(kind)[0]]
