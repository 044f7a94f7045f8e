"""Loads a namespace from an archive: by Python's own unpickler, and if that fails, by the one of ``salvaging``."""

import sys
from _pickle import Unpickler

from worker import arrays, rebuilding
from worker.rebuilding import names_of
from worker.report import cut
from worker.stored import Broken
from worker.unsaveable import reason_of


class Finding:
    """What an unpickler finds by name: objects that every worker has, and those of modules."""

    def persistent_load(self, name):
        """Return the object that archives call ``name``; see ``pickling.only_objects``."""
        module, _, attribute = name.partition(":")
        if module.startswith("worker."):
            return getattr(rebuilding.own_module(module[len("worker.") :]), attribute)
        found = rebuilding.imported(module)
        return getattr(found, attribute) if attribute else found

    def find_class(self, module, name):
        """Return the object ``name`` of the module ``module``, as user code would import it."""
        return rebuilding.attribute(module, name)


class _Quick(Finding, Unpickler):
    def missing(self, value):
        """Return None: if anything is missing, this one raises."""


def load(reader, put):
    """Load the archive of ``reader``; call ``put`` with the name and the value of each variable.

    Returns the variables that are left out, as names and reasons: a module is missing, or user code has failed. Raises
    Broken if nothing can be loaded, and KeyboardInterrupt; some variables may have been put by then.
    """
    arrays.reader = reader
    try:
        for name in reader.index["imports"]:
            _import_again(name)
        try:
            return _load(_Quick, reader, put)
        except Exception:  # of user code or a library, or because one is not there
            from worker.salvaging import Thorough

            rebuilding.postponed.clear()
            return _load(Thorough, reader, put)
    except (KeyError, TypeError, ValueError, EOFError) as error:
        raise Broken(reason_of(error)) from None
    finally:
        arrays.reader = None
        rebuilding.postponed.clear()


def _load(Kind, reader, put):
    skipped = []
    buffers = (_buffer(reader, place) for place in reader.index["buffers"])
    unpickler = Kind(reader.pickles(), buffers=buffers)
    unpickler.load()
    for name, kind in reader.index["variables"]:
        told, value = unpickler.load(), unpickler.load()
        if told != name:
            raise Broken(f"the variable {cut(name, 100)} is not where it should be")
        reason = unpickler.missing(value)
        if reason is None and names_of(type(value))[0] != kind:
            reason = f"its own pickle gives another object than it was: {names_of(type(value))[0]}"
        if reason is None:
            put(name, value)
        else:
            skipped.append((name, reason))
    rebuilding.settle()
    return skipped


def _buffer(reader, place):
    data = bytearray(place[1])
    reader.fill(memoryview(data), place[0])
    return data


def _import_again(name):
    """Import a submodule that was there: some are seen only as attributes of their packages."""
    if name not in sys.modules:
        try:
            rebuilding.imported(name)
        except Exception:  # what needs it says so
            pass
