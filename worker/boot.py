"""Turns a fresh ``python -S`` into a worker.

    python -S /proc/self/fd/N OUT DISPLAY DIE [MODULES]

The script runs this module with ``codes``, the code objects of ``MODULES`` by name, which the same interpreter compiled
earlier, and ``later``, the place of the index of all others in the file at ``script_fd``. Fd 0 and fd 1 are the
channel, fd ``OUT`` and fd 2 the pipes of text, fd ``DISPLAY`` the display pipe. ``DIE`` is 1 if the worker has to be
killed when the daemon dies (no other process would do it), else 0; with a ``c`` behind it the worker is for isolated
contexts, and gets ready for that. With ``MODULES``, names separated by commas and
perhaps empty, the process becomes a template; see ``template.py``.
"""

import builtins
import os
import sys

# These are made at the worker's start, and each imports only earlier ones. All others cost nothing until they are
# imported. workers/script.py reads this.
MODULES = (
    "imports",
    "channel",
    "flusher",
    "streams",
    "report",
    "stdin",
    "sources",
    "compiling",
    "namespace",
    "orphans",
    "stack",
    "system",
    "configuring",
    "interpreter",
)
ModuleType = type(sys)  # the types module would be one more import
HIGHEST_FD = 1000  # user code that closes descriptors in a loop mostly closes lower ones


def load(codes, later, script_fd):
    """Make ``MODULES`` and return their importer. ``codes`` is emptied: it is needed only while they are made."""
    own_builtins = dict(vars(builtins))  # user code may delete or replace the others
    imports = ModuleType("worker.imports")
    imports.__builtins__ = own_builtins
    code = codes.pop("imports")
    exec(code, imports.__dict__)
    importer = imports.Importer(imports, code, own_builtins, later, script_fd)
    for name in MODULES[1:]:
        importer.make(name, codes.pop(name))
    return importer


def close_inherited(*kept_fds):
    """Close all descriptors except ``kept_fds`` and the first three.

    The daemon's event loop passes descriptors on that it has not opened itself: its stdout, its log (twice), those that
    the daemon has inherited, and copies of the worker's own.
    """
    for fd in map(int, os.listdir("/proc/self/fd")):
        if fd > 2 and fd not in kept_fds:
            try:
                os.close(fd)
            except OSError:  # the listing's own descriptor
                pass


def move_descriptors(out_fd, display_fd, script_fd):
    """Return private fds: the channel's, to read and to write, the script's, the display pipe's, spares of 0, 1 and 2.

    Fds 0, 1 and 2 are then as in any program.
    """
    import fcntl

    def private(fd):
        return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, min(os.sysconf("SC_OPEN_MAX"), HIGHEST_FD + 24) - 24)

    moved = private(0), private(1), private(script_fd), private(display_fd)
    os.close(script_fd)
    os.close(display_fd)
    os.dup2(out_fd, 1)
    os.close(out_fd)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.close(nothing)
    return (*moved, {fd: private(fd) for fd in (0, 1, 2)})


def adopt_descriptors(given, read_fd, write_fd, display_fd, spares):
    """Put ``given``, the channel and the pipes of a request, where a started worker has its own."""
    places = ((read_fd, write_fd), (1, spares[1]), (2, spares[2]), (display_fd,))
    for fd, targets in zip(given, places):
        for target in targets:
            os.dup2(fd, target, target == 1 or target == 2)
        os.close(fd)


def run(codes, later, script_fd, out_fd, display_fd, options, names=None):
    """Be a worker; return when user code has called ``exit()``. With ``names``, be the template of such workers.

    A template makes all parts of a worker before it forks: a part that is made later costs each worker time, and memory
    that is not shared.
    """
    close_inherited(out_fd, display_fd, script_fd)
    read_fd, write_fd, script_fd, display_fd, spares = move_descriptors(out_fd, display_fd, script_fd)
    importer = load(codes, later, script_fd)
    worker = importer.package
    library = worker.system.Library()
    die = "1" in options
    if die:
        library.die_with_parent()
    if names is None:
        worker.system.give_way()
    worker.system.set_up_site()
    traces = worker.system.Traces()
    channel = worker.channel.Channel(read_fd, write_fd)
    if names is not None:
        template = importer.module("template")
        reason = template.preload(names)
        if reason is not None:
            channel.send({"type": "failed", "reason": reason})
            return
    streams = worker.streams.current = worker.streams.Streams(library.flush_stdio)
    streams.own(spares, display_fd)
    stdin = worker.stdin.Stdin(channel, streams)
    orphans = worker.orphans.current = worker.orphans.Orphans(library.has_children)
    channel.chore = orphans.reap
    cells = worker.namespace.Cells(
        library.stack, {"getpass": stdin.hook_getpass, "_posixsubprocess": orphans.hook_subprocess}
    )
    interpreter = worker.interpreter.Interpreter(channel, streams, stdin, cells, library, traces)
    interpreter.serve(worker.interpreter.rehearsal())
    cells.begin()
    if "c" in options:
        importer.module("confining").prepare()
    if names is not None:
        given = template.serve(channel, read_fd)
        worker.system.give_way()
        adopt_descriptors(given, read_fd, write_fd, display_fd, spares)
        channel.own()
        streams.own(spares, display_fd)
        # The first process that writes to a shared page waits for a copy of it.
        interpreter.serve(worker.interpreter.rehearsal(1))
        cells.begin()
        if die:
            library.die_with_parent()
    library.become_subreaper()
    orphans.begin()
    importer.is_guarded = True
    interpreter.serve()


_names = [[name for name in argument.split(",") if name] for argument in sys.argv[4:]]
run(codes, later, script_fd, int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], *_names)  # noqa: F821 -- see above
