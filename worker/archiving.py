"""Gives the daemon an archive of the namespace, and loads one: what the daemon asks for between executions.

The content goes through a descriptor that comes from the daemon: this process sees no file of the daemon's.
"""

import builtins
import gc
import os
import sys
from time import monotonic

from worker.channel import ChannelLost
from worker.imports import PATHS
from worker.report import cut
from worker.stored import Broken, Reader, Untaken, Writer
from worker.unsaveable import reason_of

_NAMES_LIMIT, _NAME_LIMIT_CHARS, _REPORT_LIMIT_CHARS = 1000, 100, 100_000
_IMPORTS_LIMIT = 10_000
# What Python itself has put into the namespace.
_PYTHONS = frozenset(
    ["__builtins__", "__doc__", "__loader__", "__name__", "__package__", "__spec__", "__warningregistry__"]
)
# What is in an archive besides variables. No variable can have such a name by an assignment.
_STATE, _HABITS, _RESULT = "<state>", "<habits>", "<result>"
_OWN = (_STATE, _HABITS, _RESULT)
# Kinds of iterators become another kind, by their own pickles. They give the same items.
_BECOMES = dict.fromkeys(
    ["builtins.dict_keyiterator", "builtins.dict_valueiterator", "builtins.dict_itemiterator", "builtins.set_iterator"],
    "builtins.list_iterator",
)


class Refused(Exception):
    """Nothing could be saved, or loaded, at all: the text says why."""


def answer(message, interpreter):
    """Do what ``message`` asks for, and answer.

    The classes of objects may have code of their own for this. It can be interrupted; then nothing is saved, or loaded.
    """
    from worker.receiving import Receiver

    channel, streams, kind, pid = interpreter.channel, interpreter.streams, message["type"], os.getpid()
    receiver = Receiver(channel.fd)
    channel.send({"type": "giving", "id": message["id"]})
    if message.get("modules"):
        _import_early(message["modules"], interpreter)
    given = receiver.receive(1)
    if given is None:
        raise ChannelLost
    found = error = None
    was_collecting = gc.isenabled()
    streams.begin()
    try:
        try:
            gc.disable()  # many objects that are made at once look like garbage to it
            interpreter.arm()
            found = interpreter.cells.call(_WORK[kind], given[0], message, interpreter)
        except BaseException as caught:
            error = caught
        interpreter.disarm()
    except BaseException as caught:  # an interrupt at the very end
        error = error or caught
        interpreter.disarm()
    if os.getpid() != pid:  # a __reduce__ has forked
        os._exit(0)
    if was_collecting:
        gc.enable()
    streams.end(error is not None)
    os.close(given[0])
    if error is None:
        channel.send({"type": _DONE[kind], "id": message["id"], **found})
        return
    reason = reason_of(error)
    if isinstance(error, KeyboardInterrupt):
        reason = "it was interrupted"
    elif isinstance(error, (Refused, Untaken)):
        reason = str(error)
    channel.send({"type": kind + "_failed", "id": message["id"], "reason": reason})


def _import_early(names, interpreter):
    """Import modules that the archive will need, while the daemon checks its content."""

    def work(names):
        for name in names:
            try:
                builtins.__import__(name)
            except Exception:  # what needs it says so
                pass

    try:
        try:
            interpreter.arm()
            interpreter.cells.call(work, names)
        except BaseException:  # an interrupt: so they come later
            pass
        interpreter.disarm()
    except BaseException:  # an interrupt at the very end
        interpreter.disarm()


def _archive(fd, message, interpreter):
    """Write the archive; return what is told of it."""
    import warnings

    from worker.habits import changed_variables, directory_from, search_paths
    from worker.pickling import NamespacePickler
    from worker.rebuilding import names_of

    namespace = interpreter.cells.module.__dict__
    writer = Writer(fd)
    saved, skipped, variables = [], [], []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some iterators say that a later Python will not pickle them
        pickler = NamespacePickler(writer)
        for name, value in _in_order(namespace, interpreter, pickler):
            reason = _save(pickler, name, value, namespace)
            if reason is None:
                kind = names_of(type(value))[0]
                variables.append([name, _BECOMES.get(kind, kind)])
                if name not in _OWN:
                    saved.append(name)
            elif name == _RESULT:
                skipped.append(("_", reason))
            elif name not in _OWN:
                skipped.append((name, reason))
    for name in [it for it in list(namespace) if type(it) is not str]:
        skipped.append((f"a key of globals(), of {names_of(type(name))[0]}", "only variables with a name are saved"))
    writer.end(
        {
            "python": ".".join(map(str, sys.version_info[:2])),
            "variables": variables,
            "imports": _imports(namespace),
            "modules": _modules(pickler.modules),
            "directory": directory_from(interpreter.cwd, "rests" in message),
            "paths": search_paths(),
            "environment": changed_variables(interpreter.environ) if "rests" in message else [],
            **pickler.places,
        }
    )
    return {
        "saved": _names(saved),
        "skipped": _reasons(skipped),
        "omitted": [max(0, len(saved) - _NAMES_LIMIT), max(0, len(skipped) - _NAMES_LIMIT)],
        "modules": _modules(pickler.modules),
        "bytes": writer.size,
    }


def _save(pickler, name, value, namespace):
    """Save a variable; return why that is not possible, or None."""
    for _ in range(3):
        try:
            pickler.save(name, value)
            return None
        except (KeyboardInterrupt, Untaken):
            raise
        except BaseException as error:  # of user code
            caught = error
        if not (type(caught) is RuntimeError and "changed" in str(caught)):  # of a dict that a thread changes
            break
    culprit = getattr(caught, "thing", pickler.last)
    reason, path = reason_of(caught), None
    if culprit is not None and pickler.patience_s > 0:
        from worker.blaming import path_to

        start = monotonic()
        path = path_to(culprit, name, value, namespace)
        pickler.patience_s -= monotonic() - start
    pickler.last = caught = culprit = None
    return reason if path is None else f"{path}: {reason}"


def _in_order(namespace, interpreter, pickler):
    """Yield names and values: those first that the code of others may need when it is loaded."""
    modules, code, others = [], [], []
    function = type(_in_order)
    for name, value in list(namespace.items()):
        if type(name) is not str or name in _PYTHONS or name in _OWN:
            continue
        kind = type(value)
        place = (
            modules if issubclass(kind, type(sys)) else code if kind is function or issubclass(kind, type) else others
        )
        place.append((name, value))
    from worker.habits import habits
    from worker.resuming import state_of

    yield _STATE, state_of(interpreter.cells)
    yield from modules + code + others
    if "_" in vars(builtins) and "_" not in namespace:
        yield _RESULT, builtins._
    yield _HABITS, habits(interpreter.cwd, pickler.modules)


def _imports(namespace):
    """Return the submodules of the packages that the namespace has: ``import a.b`` shows only in ``a``."""
    packages = {
        value.__name__ for value in list(namespace.values()) if type(value) is type(sys) and "__path__" in vars(value)
    }
    found = []
    for name, module in list(sys.modules.items()):
        if type(name) is not str or type(module) is not type(sys) or vars(module).get("__spec__") is None:
            continue
        if "." in name and name.partition(".")[0] in packages:
            found.append(name)
    return found[:_IMPORTS_LIMIT]


def _modules(names):
    """Return those of ``names`` that are no modules of the standard library."""
    library = getattr(sys, "stdlib_module_names", None)  # Python 3.9 does not tell them
    found = [name for name in sorted(names) if (not _is_library(name) if library is None else name not in library)]
    return [cut(name, _NAME_LIMIT_CHARS) for name in found][:_NAMES_LIMIT]


def _is_library(name):
    file = getattr(sys.modules.get(name), "__file__", None)
    return file is None or ("-packages/" not in file and any(file.startswith(path + "/") for path in PATHS))


def _names(names):
    return [cut(name, _NAME_LIMIT_CHARS) for name in names[:_NAMES_LIMIT]]


def _reasons(skipped):
    """Return what is told of variables that were left out, within the limit of a message."""
    found, chars = [], 0
    for name, reason in skipped[:_NAMES_LIMIT]:
        chars += len(reason)
        told = reason if chars <= _REPORT_LIMIT_CHARS else "see those before it"
        found.append({"name": cut(name, _NAME_LIMIT_CHARS), "reason": told})
    return found


def _load(fd, message, interpreter):
    """Load the archive into the namespace; return what is told of it. If it fails, the namespace is as before."""
    from worker.habits import change_variables, enter_directory, search_too, take_up
    from worker.resuming import recall, resume
    from worker.reviving import load

    cells = interpreter.cells
    namespace = cells.module.__dict__
    before, paths, own, restored = dict(namespace), sys.path[:], {}, []

    def put(name, value):
        if name in _OWN:
            own[name] = value
        else:
            namespace[name] = value
            restored.append(name)

    try:
        reader = Reader(fd, message.get("offset", 0), message.get("bytes"))
        python = ".".join(map(str, sys.version_info[:2]))
        if reader.index.get("python") != python:
            raise Refused(f"the archive is of Python {reader.index.get('python')}, and this is Python {python}")
        change_variables(interpreter.environ, reader.index.get("environment", ()))
        told = enter_directory(reader.index.get("directory", ""), interpreter.cwd)
        search_too(*reader.index.get("paths", ((), ())))
        skipped = [*told, *load(reader, put)]
    except BaseException as error:
        sys.path[:] = paths
        namespace.clear()
        namespace.update(before)
        if isinstance(error, Broken):
            raise Refused(f"the archive cannot be read: {error}") from None
        raise
    if _STATE in own:
        resume(cells, own[_STATE])
    if _RESULT in own and "_" not in namespace:
        recall(cells, own[_RESULT])
    take_up(own.get(_HABITS, {}), interpreter.cwd)
    skipped = [("_" if name == _RESULT else name, reason) for name, reason in skipped if name not in _OWN[:2]]
    return {
        "restored": _names(restored),
        "skipped": _reasons(skipped),
        "omitted": [max(0, len(restored) - _NAMES_LIMIT), max(0, len(skipped) - _NAMES_LIMIT)],
    }


_WORK, _DONE = {"archive": _archive, "load": _load}, {"archive": "archived", "load": "loaded"}
