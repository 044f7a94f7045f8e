"""The sources of cells, where the standard library looks for sources of files: in ``linecache`` and by ``inspect``."""

from _imp import source_hash

from worker.report import CELLS

SOURCES_LIMIT_BYTES = 16 << 20  # the oldest cells' sources are dropped first; a traceback then shows no line for them

NUMBERS = {}  # of cells, by file name: the context's latest execution with this source


class Sources:
    """Sources by file name. A name is made of a hash, so that caches of functions on disk find it again.

    Attributes:
        number: The number of the execution whose source is added next.
        by_file: The sources, the oldest first.
    """

    def __init__(self):
        self._linecache = None
        self.number = None
        self.forget()

    def forget(self):
        """Start without sources."""
        self.by_file = {}
        self._bytes = 0
        NUMBERS.clear()

    def add(self, source):
        """Return the file name for ``source``."""
        filename = f"{CELLS}{source_hash(0, source.encode('utf-8', 'surrogatepass'))[:6].hex()}>"
        self._bytes += len(source) - len(self.by_file.pop(filename, ""))  # so that the newest is the last one
        self.by_file[filename] = source
        NUMBERS[filename] = self.number
        while self._bytes > SOURCES_LIMIT_BYTES and len(self.by_file) > 1:
            oldest = next(iter(self.by_file))
            self._bytes -= len(self.by_file.pop(oldest))
            NUMBERS.pop(oldest, None)
            self._show(oldest, None)
        self._show(filename, source)
        return filename

    def _show(self, filename, source):
        if self._linecache is None:
            return
        try:
            if source is None:
                self._linecache.cache.pop(filename, None)
                return
            lines = [line + "\n" for line in source.split("\n")]
            if source.endswith("\n"):
                lines.pop()
            # No mtime: linecache.checkcache() leaves the entry alone.
            self._linecache.cache[filename] = (len(source), None, lines, filename)
        except Exception:  # user code has replaced the cache
            pass

    def hook_linecache(self, module):
        """Show all present and future sources."""
        self._linecache = module
        for filename, source in self.by_file.items():
            self._show(filename, source)

    def hook_inspect(self, module):
        """Let ``inspect.getsource`` find classes of ``__main__``, a module that has no file."""
        original = module.getfile

        def getfile(object):
            try:
                filename = self._file_of_class(object) if isinstance(object, type) else None
            except Exception:  # attributes of classes may be anything
                filename = None
            return original(object) if filename is None else filename

        getfile.__doc__ = original.__doc__
        module.getfile = getfile

    def _file_of_class(self, cls):
        """Return the name of the cell that has ``cls``, or None; if several may have it, the newest one."""
        if cls.__module__ != "__main__":
            return None
        for value in vars(cls).values():
            code = getattr(getattr(value, "__func__", value), "__code__", None)
            if getattr(code, "co_filename", None) in self.by_file:
                return code.co_filename
        name, line = cls.__qualname__, vars(cls).get("__firstlineno__")  # from 3.13 on
        found = None
        for filename, source in reversed(list(self.by_file.items())):
            for other, first_line in _classes(source) if "class" in source else ():
                if other == name and line in (None, first_line):
                    return filename
                if found is None and other.rpartition(".")[2] == name.rpartition(".")[2]:  # made global, or renamed
                    found = filename
        return found


def _classes(source):
    """Return the qualified name and the first line of each class in ``source``."""
    import ast

    try:
        unseen = [(ast.parse(source), "")]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    found = []
    while unseen:
        parent, prefix = unseen.pop()
        for node in ast.iter_child_nodes(parent):
            if isinstance(node, ast.ClassDef):
                first_line = min([node.lineno] + [decorator.lineno for decorator in node.decorator_list])
                found.append((prefix + node.name, first_line))
                unseen.append((node, f"{prefix}{node.name}."))
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                unseen.append((node, f"{prefix}{node.name}.<locals>."))
            else:
                unseen.append((node, prefix))
    return found
