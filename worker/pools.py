"""Pools of threads: of Python's executors, and of libraries of C, for which a copy would wait for ever.

OpenBLAS and Intel's OpenMP end their threads before fork(2), and start others when they need them. GNU's OpenMP does
not: a process that was forked after a parallel region hangs in the next one. But it has a function that ends them.
"""

import os
import sys

from worker.unseen import unseen

_PAUSE, _HARD = "omp_pause_resource_all", 2  # OpenMP 5.0
_PYTHON_CALL = 1 | 4  # FUNCFLAG_CDECL | FUNCFLAG_PYTHONAPI
_THREADS_LIMIT = 1000


def executors_of(variables):
    """Return the living executors of ``concurrent.futures`` and pools of ``multiprocessing``, each with its threads."""
    found = {}
    threads = sys.modules.get("concurrent.futures.thread")
    for thread in list(getattr(threads, "_threads_queues", ())):
        arguments = getattr(thread, "_args", None)  # the first one is a weak reference to the executor
        executor = arguments[0]() if arguments and thread.is_alive() else None
        if executor is not None:
            found.setdefault(executor, set()).add(thread)
    processes = sys.modules.get("concurrent.futures.process")
    for thread in list(getattr(processes, "_threads_wakeups", ())):
        executor = thread.executor_reference() if thread.is_alive() else None
        if executor is not None:
            found.setdefault(executor, set()).add(thread)
    pools = sys.modules.get("multiprocessing.pool")
    if pools is not None:
        for value in variables.values():
            if isinstance(value, pools.Pool) and value._state == "RUN":
                helpers = (value._worker_handler, value._task_handler, value._result_handler)
                found[value] = {*helpers, *(it for it in value._pool if isinstance(value, pools.ThreadPool))}
    return found


def native_threads(known, pauses):
    """Return the threads that libraries of C have started and named, except those with ``known`` numbers.

    ``pauses`` is what ``pauses_of_openmp`` has returned.

    A thread without a name of its own has the program's: most pools of numerical libraries, which are told if nothing
    can be done about them.
    """
    names = os.listdir("/proc/self/task")
    if len(names) <= 1 + len(known):
        return []
    counts = {}
    own = _comm(os.getpid())
    for name in names[:_THREADS_LIMIT]:
        if int(name) not in known and int(name) != os.getpid():
            comm = _comm(int(name))
            if comm not in (own, ""):
                shown = comm.rstrip("0123456789").rstrip("-_") or comm
                counts[shown] = counts.get(shown, 0) + 1
    lost = [("thread_pool", f"{name} ({count})" if count > 1 else name) for name, count in counts.items()]
    if None in pauses:
        lost.append(("thread_pool", "OpenMP (libgomp)"))
    numba = sys.modules.get("numba.np.ufunc.parallel")
    if getattr(numba, "_is_initialized", False) and getattr(numba, "_threading_layer", None) == "omp":
        lost.append(("thread_pool", "numba (omp)"))  # it ends a process that was forked
    return lost


def _comm(thread):
    try:
        with open(f"/proc/self/task/{thread}/comm", "rb", 0) as file:
            return file.read().decode("utf-8", "replace").rstrip("\n")
    except OSError:
        return ""


def settle_pools(pauses):
    """End the threads of GNU's OpenMP: ``pauses`` is what ``pauses_of_openmp`` has returned."""
    for pause in pauses:
        if pause is not None:
            pause()


def pauses_of_openmp():
    """Return the function of each loaded libgomp, or None for one that is too old to have it."""
    if len(os.listdir("/proc/self/task")) == 1:
        return []
    with open("/proc/self/maps", "rb", 0) as file:
        maps = b"".join(iter(lambda: file.read(1 << 16), b""))
    if b"libgomp" not in maps:
        return []
    paths = {line.split(None, 5)[5] for line in maps.splitlines() if b"libgomp" in line}
    _ctypes = unseen("_ctypes")

    class Int(_ctypes._SimpleCData):
        _type_ = "i"

    class Function(_ctypes.CFuncPtr):
        _flags_ = _PYTHON_CALL
        _restype_ = Int

    found = []
    for path in paths:
        try:
            address = _ctypes.dlsym(_ctypes.dlopen(os.fsdecode(path), os.RTLD_NOLOAD | os.RTLD_LAZY), _PAUSE)
        except OSError:
            found.append(None)
        else:
            function = Function(address)
            found.append(lambda function=function: function(Int(_HARD)))
    return found
