"""The calls that notebook syntax becomes: see ``notebook``. Each prints, or returns a value, as IPython's own does."""

import builtins
import os
import shlex
import sys
from time import perf_counter, process_time

from worker import shell
from worker.notebook import CELL, LINE, MARKUP, NAME, SCRIPTS
from worker.surroundings import surrounding

_ALIASES = {
    "cat": "cat",
    "cp": "cp",
    "less": "cat",
    "ls": "ls",
    "mkdir": "mkdir",
    "more": "cat",
    "mv": "mv",
    "rm": "rm",
    "rmdir": "rmdir",
}
_UNITS = (("s", 1), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9))
# They change the looks of IPython, or of matplotlib, for which the worker has its own way.
_ACCEPTED = frozenset(["alias_magic", "colors", "config", "matplotlib", "precision", "pylab", "xmode"])
_INSTALLERS = ("pip", "uv", "conda", "mamba")
_EXTENSIONS = ("autoreload", "matplotlib", "tensorboard")


def notebook():
    """Return the object whose methods notebook syntax calls; user code finds it in its builtins."""
    found = vars(builtins).get(NAME)
    if found is None:
        found = Notebook(sys.modules["__main__"].__dict__)
        setattr(builtins, NAME, found)
    return found


class Notebook:
    """Runs magics and commands for the program whose ``namespace`` is given."""

    def __init__(self, namespace):
        self.namespace = namespace
        self._began = []
        self._before = None  # the directory before the last %cd

    def system(self, command):
        """``!command``: its output is the cell's, and ``_exit_code`` its exit status."""
        self._run([shell.shell(), "-c", shell.expanded(command, sys._getframe(1))])

    def output(self, command):
        """``x = !command``: return the lines of its output."""
        return self._output(shell.expanded(command, sys._getframe(1)))

    def _run(self, arguments, text=None):
        self.namespace["_exit_code"] = status = shell.run(arguments, text)
        return status

    def _output(self, command):
        done = shell.captured(command)
        self.namespace["_exit_code"] = done.returncode
        return shell.SList(done.stdout.splitlines())

    def help(self, name, detail):
        """``object?`` and ``object??``: print what is known about it, or show it as a page to a client of pages."""
        from worker import namespace
        from worker.helping import described

        text = described(name, sys._getframe(1), detail > 1)
        if namespace.current.request.get("pages"):
            from worker.publisher import publish

            publish("display", {"text/plain": text}, head={"page": True})
        else:
            print(text)

    def line(self, name, rest):
        """``%name rest``."""
        frame = sys._getframe(1)
        if name == "timeit":
            from worker.timing import timeit

            return timeit(rest, "pass", frame)
        rest = shell.expanded(rest, frame).strip()
        if name in _ALIASES:
            self._run([shell.shell(), "-c", f"{_ALIASES[name]} {rest}"])
            return None
        if name in ("sx", "system"):
            return self._output(rest)
        if name in _ACCEPTED:
            return None
        if name in _INSTALLERS:
            return self._install(name, rest)
        return self._run_file(rest) if name == "run" else getattr(self, "_" + name)(rest)

    def cell(self, name, rest, body):
        """``%%name rest``, with the other lines of the cell as ``body``."""
        frame = sys._getframe(1)
        if name == "timeit":
            from worker.timing import timeit

            return timeit(rest, body, frame, True)
        rest = shell.expanded(rest, frame).strip()
        if name in SCRIPTS:
            return self._script(name, rest, body)
        if name in MARKUP:
            from worker.publisher import publish

            return publish("display", {MARKUP[name]: body, "text/plain": f"<{name}>"})
        if name in ("sx", "system"):
            return self._output(body)
        return self._writefile(rest, body)

    # The time of code.

    def now(self):
        """Return the clocks: of the wall, of this process."""
        return perf_counter(), os.times(), process_time()

    def begin(self):
        """Remember the clocks until ``end``."""
        self._began.append(self.now())

    def end(self):
        """Print the time since ``begin``."""
        self.timed(self._began.pop(), None)

    def timed(self, start, value):
        """Print the time since ``start``, and return ``value``."""
        wall, times = perf_counter() - start[0], os.times()
        user, system = times.user - start[1].user, times.system - start[1].system
        print(f"CPU times: user {_short(user)}, sys: {_short(system)}, total: {_short(process_time() - start[2])}")
        print(f"Wall time: {_short(wall)}")
        return value

    def run_timed(self, code):
        """Run statements of more than one line, and print the time."""
        frame = sys._getframe(1)
        code = compile("\n" * (frame.f_lineno - 1) + code, frame.f_code.co_filename, "exec", 0, True)
        start = self.now()
        exec(code, frame.f_globals, frame.f_locals)
        self.timed(start, None)

    # Line magics.

    def _cd(self, rest):
        words = [word for word in shlex.split(rest) if word != "-q"]
        if len(words) > 1:
            raise ValueError(f"%cd takes one directory, not {len(words)}")
        where = os.path.expanduser(words[0] if words else "~")
        if where == "-":
            if self._before is None:
                raise ValueError("%cd -: there is no earlier directory")
            where = self._before
        before = os.getcwd()
        os.chdir(where)
        self._before = before
        os.environ["PWD"] = os.getcwd()
        if "-q" not in rest.split():
            print(os.getcwd())

    def _pwd(self, rest):
        return os.getcwd()

    def _env(self, rest):
        if not rest:
            return dict(os.environ)
        name, mark, value = rest.partition("=")
        if not mark:
            name, mark, value = rest.partition(" ")
        if not mark:
            if name not in os.environ:
                raise KeyError(f"the environment has no {name}")
            return os.environ[name]
        os.environ[name.strip()] = value = value.strip()
        print(f"env: {name.strip()}={value}")
        return None

    _set_env = _env

    def _install(self, name, rest):
        from worker.installing import install

        install(name, rest, lambda command: self._run([shell.shell(), "-c", command]))

    def _config(self, rest):
        name, _, value = rest.partition("=")
        if name.strip() in ("InlineBackend.figure_format", "InlineBackend.figure_formats"):
            from ast import literal_eval

            from worker.ipython import set_matplotlib_formats

            formats = literal_eval(value.strip())
            set_matplotlib_formats(*([formats] if isinstance(formats, str) else formats))

    def _load_ext(self, rest):
        if rest not in _EXTENSIONS:
            raise ImportError(f"extensions of IPython are not supported: {rest}", name=rest)

    _reload_ext = _load_ext

    def _autoreload(self, rest):
        if rest not in ("", "0", "off"):
            sys.stderr.write("%autoreload has no effect here: importlib.reload(module) loads a module again\n")

    def _lsmagic(self, rest):
        print("Line magics:", *("%" + name for name in sorted(LINE)))
        print("Cell magics:", *("%%" + name for name in sorted(CELL)))

    def _names(self, rest):
        kinds = rest.split()
        found = [(name, value) for name, value in self.namespace.items() if not name.startswith("_")]
        return sorted((name, value) for name, value in found if not kinds or type(value).__name__ in kinds)

    def _who(self, rest):
        print("\t".join(name for name, _ in self._names(rest)) or "The namespace is empty.")

    def _who_ls(self, rest):
        return [name for name, _ in self._names(rest)]

    def _whos(self, rest):
        rows = [("Variable", "Type", "Data/Info")]
        for name, value in self._names(rest):
            shape = getattr(value, "shape", None)
            text = f"shape {shape}" if isinstance(shape, tuple) else repr(value).partition("\n")[0][:60]
            rows.append((name, type(value).__name__, text))
        widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
        for name, kind, text in rows:
            print(f"{name:{widths[0]}}  {kind:{widths[1]}}  {text}")

    def _reset(self, rest):
        for name in [name for name in self.namespace if not name.startswith("__")]:
            del self.namespace[name]

    def _run_file(self, rest):
        import runpy

        words = [word for word in shlex.split(rest) if word != "-i"]
        if not words:
            raise ValueError("%run needs the name of a file")
        before, sys.argv[:] = sys.argv[:], words
        try:
            found = runpy.run_path(os.path.expanduser(words[0]), run_name="__main__")
        finally:
            sys.argv[:] = before
        self.namespace.update({name: value for name, value in found.items() if not name.startswith("__")})

    # Cell magics.

    def _script(self, name, rest, body):
        words = shlex.split(rest)
        names = {}
        for option in ("--out", "--err"):
            if option in words:
                at = words.index(option)
                names[option] = words[at + 1]
                del words[at : at + 2]
        raises = "--no-raise-error" not in words
        words = [word for word in words if word != "--no-raise-error"]
        program = words if name == "script" else [sys.executable if name.startswith("python") else name, *words]
        if not program:
            raise ValueError("%%script needs the name of a program")
        if names:
            with surrounding(self, [("capture", " ".join(names.values()))]):
                status = self._run(program, body + "\n")
            for variable in names.values():
                self.namespace[variable] = self.namespace[variable].stdout
        else:
            status = self._run(program, body + "\n")
        if status and raises:
            from subprocess import CalledProcessError

            raise CalledProcessError(status, program)

    def _writefile(self, rest, body):
        words = shlex.split(rest)
        appends = "-a" in words or "--append" in words
        names = [word for word in words if word not in ("-a", "--append")]
        if len(names) != 1:
            raise ValueError("%%writefile needs the name of one file")
        path = os.path.expanduser(names[0])
        print("Appending to" if appends else "Overwriting" if os.path.exists(path) else "Writing", names[0])
        with open(path, "a" if appends else "w", encoding="utf-8") as file:
            file.write(body if body.endswith("\n") or not body else body + "\n")


def _short(seconds):
    """Return a duration with three digits and a unit."""
    if seconds >= 60:
        return f"{int(seconds // 60)}min {seconds % 60:.0f}s"
    unit, size = next(((unit, size) for unit, size in _UNITS if seconds >= size), _UNITS[-1])
    return f"{seconds / size:.3g} {unit}"
