"""Turns a fresh ``python -S`` into a worker.

    python -S /proc/self/fd/N OUT DIE [MODULES]

The script loads ``codes``, the code objects of this folder's modules by name, which the same interpreter compiled
earlier, and runs this module. Fd 0 and fd 1 are the channel, fd ``OUT`` and fd 2 the output pipes. ``DIE`` is 1 if the
worker has to be killed when the daemon dies (no other process would do it), else 0. With ``MODULES``, names separated
by commas and perhaps empty, the process becomes a template; see ``template.py``.
"""

import builtins
import os
import sys

MODULES = (
    "channel",
    "flusher",
    "streams",
    "imports",
    "report",
    "stdin",
    "sources",
    "namespace",
    "orphans",
    "stack",
    "system",
    "interpreter",
)  # each imports only earlier ones
ModuleType, SimpleNamespace = type(sys), type(sys.implementation)  # the types module would be one more import
HIGHEST_FD = 1000  # user code that closes descriptors in a loop mostly closes lower ones


def load(codes, names):
    """Make the modules of this folder without a path, and leave no trace of them in ``sys.modules``.

    ``codes`` is emptied, to free memory that a module needs only while it is made.
    """
    package = ModuleType("worker")
    package.__path__ = []
    sys.modules["worker"] = package
    own_builtins = dict(vars(builtins))  # user code may delete or replace the others
    for name in names:
        code = codes.pop(name)
        module = ModuleType("worker." + name)
        module.__builtins__ = own_builtins
        sys.modules[module.__name__] = module
        setattr(package, name, module)
        exec(code, module.__dict__)
        if name != "template":  # it runs no user code
            keep_functions(module, names_in(code))
    for name in [name for name in sys.modules if name.partition(".")[0] == "worker"]:
        del sys.modules[name]
    codes.clear()
    return package


def close_inherited(out_fd):
    """Close all descriptors except ``out_fd`` and the first three.

    The daemon's event loop passes descriptors on that it has not opened itself: its stdout, its log (twice), those that
    the daemon has inherited, and copies of the worker's own.
    """
    for fd in map(int, os.listdir("/proc/self/fd")):
        if fd > 2 and fd != out_fd:
            try:
                os.close(fd)
            except OSError:  # the listing's own descriptor
                pass


def names_in(code):
    """Return the names that ``code`` and the functions in it use: of globals, of attributes."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, type(code)):
            names |= names_in(constant)
    return names


def keep_functions(module, names):
    """Let ``module`` see the modules it has imported as they are now: user code may patch them, as gevent does.

    It sees only the ``names`` of each: a copy of all that os has would take 18 KB in every worker.
    """
    for name, value in list(vars(module).items()):
        if isinstance(value, ModuleType) and value not in (sys, builtins):  # their state counts
            kept = {key: kept for key, kept in vars(value).items() if key in names}
            setattr(module, name, SimpleNamespace(**kept))


def move_descriptors(out_fd):
    """Return the channel's fds, to read and to write, and spare copies of fds 0, 1 and 2, all of them private.

    Fds 0, 1 and 2 are then as in any program.
    """
    import fcntl

    def private(fd):
        return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, min(os.sysconf("SC_OPEN_MAX"), HIGHEST_FD + 24) - 24)

    read_fd, write_fd = private(0), private(1)
    os.dup2(out_fd, 1)
    os.close(out_fd)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.close(nothing)
    return read_fd, write_fd, {fd: private(fd) for fd in (0, 1, 2)}


def adopt_descriptors(given, read_fd, write_fd, spares):
    """Put ``given``, the channel, stdout and stderr of a request, where a started worker has its own."""
    channel_fd, out_fd, err_fd = given
    for fd, targets in ((channel_fd, (read_fd, write_fd)), (out_fd, (1, spares[1])), (err_fd, (2, spares[2]))):
        for target in targets:
            os.dup2(fd, target, target == 1 or target == 2)
        os.close(fd)


def run(codes, out_fd, die, names=None):
    """Be a worker; return when user code has called ``exit()``. With ``names``, be the template of such workers.

    A template makes all parts of a worker before it forks: a part that is made later costs each worker time, and memory
    that is not shared.
    """
    close_inherited(out_fd)
    read_fd, write_fd, spares = move_descriptors(out_fd)
    worker = load(codes, MODULES if names is None else (*MODULES, "template"))
    library = worker.system.Library()
    if die:
        library.die_with_parent()
    if names is None:
        worker.system.give_way()
    worker.system.set_up_site()
    traces = worker.system.Traces()
    channel = worker.channel.Channel(read_fd, write_fd)
    if names is not None:
        reason = worker.template.preload(names)
        if reason is not None:
            channel.send({"type": "failed", "reason": reason})
            return
    streams = worker.streams.Streams(library.flush_stdio)
    streams.own(spares)
    stdin = worker.stdin.Stdin(channel, streams)
    orphans = worker.orphans.Orphans(library.has_children)
    channel.chore = orphans.reap
    cells = worker.namespace.Cells({"getpass": stdin.hook_getpass, "_posixsubprocess": orphans.hook_subprocess})
    interpreter = worker.interpreter.Interpreter(channel, streams, stdin, cells, library, traces)
    interpreter.serve(worker.interpreter.rehearsal())
    cells.begin()
    if names is not None:
        given = worker.template.serve(channel, read_fd)
        worker.system.give_way()
        adopt_descriptors(given, read_fd, write_fd, spares)
        channel.own()
        streams.own(spares)
        # The first process that writes to a shared page waits for a copy of it.
        interpreter.serve(worker.interpreter.rehearsal(1))
        cells.begin()
        if die:
            library.die_with_parent()
    library.become_subreaper()
    orphans.begin()
    interpreter.serve()


_names = [[name for name in argument.split(",") if name] for argument in sys.argv[3:]]
run(codes, int(sys.argv[1]), sys.argv[2] == "1", *_names)  # noqa: F821 -- see above
