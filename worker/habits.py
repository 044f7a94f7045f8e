"""What a program sets outside of its namespace, as far as archives have it: random numbers, options of libraries.

Only of libraries that the archive needs anyway, and only what is not as it is by default; and where modules are looked
for, as loading needs it. The environment goes along only if the context itself goes on. Other things of a process are
not in an archive: its handlers of signals, its threads, its files.
"""

import os
import sys

from worker.imports import PATHS
from worker.namespace import restore_environment, set_environment
from worker.report import cut

_ENVIRONMENT_LIMIT_CHARS, _REASON_LIMIT_CHARS = 1 << 20, 200
_PATHS_LIMIT, _PATH_LIMIT_CHARS = 100, 4096


def habits(cwd, modules):
    """Return the habits of this process; ``cwd`` is the context's directory, ``modules`` are the libraries in use."""
    found = {}
    for name, (get, _) in _KINDS.items():
        if name not in modules and name in _LIBRARIES:
            continue
        try:
            found[name] = get(cwd)
        except Exception:  # another version of the library, or user code has replaced it
            pass
    return {name: value for name, value in found.items() if value}


def take_up(found, cwd):
    """Give this process the habits that ``habits`` has found."""
    for name, value in found.items():
        if name in _KINDS and (name not in _LIBRARIES or name in sys.modules):
            try:
                _KINDS[name][1](value, cwd)
            except Exception:  # as above
                pass


def search_paths():
    """Return the directories in which the program looks for modules before, and after, Python's own."""
    found = [it for it in list(sys.path) if type(it) is str and len(it) <= _PATH_LIMIT_CHARS]
    first = next((place for place, it in enumerate(found) if it in PATHS and it), len(found))
    before, after = found[:first], [it for it in found[first:] if it not in PATHS]
    return [before[:_PATHS_LIMIT], after[:_PATHS_LIMIT]]


def search_too(before, after):
    """Look there as well, where a directory is there; what is installed for another Python is not looked at."""

    def new(paths):
        return [it for it in paths if it not in sys.path and not it.endswith("-packages") and os.path.exists(it)]

    sys.path[:0] = new(before)
    sys.path += new(after)


def changed_variables(environ):
    """Return the variables of ``environ`` that are not as this process began: names and values, in JSON's characters.

    The value is None for those that are gone.
    """
    began = _environment_at_start()
    found = [(name, value) for name, value in environ.items() if began.get(name) != value]
    found += [(name, None) for name in began.keys() - environ.keys()]
    told = [[it and os.fsencode(it).decode("latin-1") for it in pair] for pair in found]
    return told if sum(len(name) + len(value or "") for name, value in told) <= _ENVIRONMENT_LIMIT_CHARS else []


def change_variables(environ, found):
    """Let ``environ`` have what ``changed_variables`` has found, except for variables that the daemon sets anew."""
    began = _environment_at_start()
    pairs = [[it and os.fsdecode(it.encode("latin-1")) for it in pair] for pair in found]
    free = {name: value for name, value in pairs if environ.get(name) == began.get(name)}
    restore_environment(environ, dict.fromkeys(name for name, value in free.items() if value is None))
    set_environment(environ, {name: value for name, value in free.items() if value is not None})


def _environment_at_start():
    try:
        with open("/proc/self/environ", "rb") as file:
            pairs = [os.fsdecode(pair).partition("=") for pair in file.read().split(b"\0")]
    except OSError:  # out of reach: then only variables that are new go along
        return {}
    return {name: value for name, separator, value in pairs if separator}


def directory_from(cwd, everywhere):
    """Return the current directory, from the context's on, if it is below that or ``everywhere``; or else no text."""
    try:
        here = os.getcwd()
    except OSError:  # it has been removed
        return ""
    if here.startswith(cwd.rstrip("/") + "/"):
        return os.path.relpath(here, cwd)
    return here if everywhere and here != cwd else ""


def enter_directory(directory, cwd):
    """Go where ``directory_from`` has found the program. Return the names and reasons to be told if that is not there.

    It is told of a directory elsewhere, which only a context that goes on itself has.
    """
    try:
        if directory and os.getcwd() == cwd:
            os.chdir(os.path.join(cwd, directory))
    except OSError as error:
        if os.path.isabs(directory):
            return [("os.getcwd()", cut(f"{directory}: {error.strerror}", _REASON_LIMIT_CHARS))]
    return []


def _matplotlib(cwd):
    module = sys.modules["matplotlib"]
    plain = module.rcParamsDefault
    changed = {key: it for key, it in dict.items(module.rcParams) if key != "backend" and it != plain.get(key)}
    # Bars in polar axes are round because of a mark on a rectangle that all figures share.
    path = sys.modules.get("matplotlib.path")
    return {"options": changed, "steps": path and path.Path.unit_rectangle()._interpolation_steps}


def _set_matplotlib(found, cwd):
    sys.modules["matplotlib"].rcParams.update(found["options"])
    if found["steps"] and "matplotlib.path" in sys.modules:
        sys.modules["matplotlib.path"].Path.unit_rectangle()._interpolation_steps = found["steps"]


def _pandas(cwd):
    config = sys.modules["pandas._config.config"]
    pairs = [(key, config.get_option(key), it.defval) for key, it in config._registered_options.items()]
    return {key: value for key, value, plain in pairs if value != plain}


def _set_pandas(found, cwd):
    for key, value in found.items():
        sys.modules["pandas"].set_option(key, value)


def _numpy(cwd):
    numpy = sys.modules["numpy"]
    return {"print": numpy.get_printoptions(), "errors": numpy.geterr()}


def _set_numpy(found, cwd):
    numpy = sys.modules["numpy"]
    numpy.set_printoptions(**{key: it for key, it in found["print"].items() if key != "override_repr"})
    numpy.seterr(**found["errors"])


def _torch(cwd):
    torch = sys.modules["torch"]
    return {"random": torch.get_rng_state().numpy(), "dtype": str(torch.get_default_dtype()).rpartition(".")[2]}


def _set_torch(found, cwd):
    torch = sys.modules["torch"]
    torch.set_rng_state(torch.from_numpy(found["random"]))
    torch.set_default_dtype(getattr(torch, found["dtype"]))


def _decimal(cwd):
    module = sys.modules.get("decimal")
    context = None if module is None else module.getcontext()
    return None if context is None or repr(context) == repr(module.DefaultContext) else context.copy()


def _set_decimal(context, cwd):
    sys.modules["decimal"].setcontext(context)


def _random(cwd):
    module = sys.modules.get("random")
    return None if module is None else module.getstate()


def _set_random(state, cwd):
    from worker.rebuilding import imported

    imported("random").setstate(state)


def _numpy_random(cwd):
    module = sys.modules.get("numpy.random.mtrand")
    return None if module is None else module._rand.get_state(legacy=False)


def _set_numpy_random(state, cwd):
    module = sys.modules.get("numpy.random.mtrand")
    if module is not None:
        module._rand.set_state(state)


_LIBRARIES = frozenset(["matplotlib", "numpy", "pandas", "torch"])
_KINDS = {
    "random": (_random, _set_random),
    "numpy.random": (_numpy_random, _set_numpy_random),
    "decimal": (_decimal, _set_decimal),
    "numpy": (_numpy, _set_numpy),
    "pandas": (_pandas, _set_pandas),
    "matplotlib": (_matplotlib, _set_matplotlib),
    "torch": (_torch, _set_torch),
}
