"""A stand-in for IPython, made only when code imports IPython and it is not installed; and IPython's own, once it is.

Libraries import ``IPython.display`` to show things, and call ``IPython.get_ipython()`` for the shell of a notebook:
see ``interactive``.
"""

import sys
from _frozen_importlib import ModuleSpec

from worker import display, media, shown
from worker.interactive import get_ipython

ModuleType = type(sys)
VERSION = (9, 0, 0)
_DISPLAY = (display.display, display.update_display, display.clear_output, display.publish_display_data)
_DISPLAY_FUNCTIONS = {each.__name__: each for each in (*_DISPLAY, display.DisplayHandle)}
_CLASSES = {
    name: value
    for module in (shown, media)
    for name, value in vars(module).items()
    if isinstance(value, type) and name[0] != "_"
}
_IN_LIB = ("Audio", "Code", "FileLink", "IFrame", "YouTubeVideo")
for _name, _class in _CLASSES.items():
    _class.__module__ = "IPython.lib.display" if _name in _IN_LIB else "IPython.core.display"
_MIME_TYPES = {
    "pretty": "text/plain",
    "html": "text/html",
    "markdown": "text/markdown",
    "svg": "image/svg+xml",
    "png": "image/png",
    "jpeg": "image/jpeg",
    "latex": "text/latex",
    "json": "application/json",
    "javascript": "application/javascript",
    "pdf": "application/pdf",
}


def set_matplotlib_formats(*formats, **options):
    """Choose the formats in which figures are shown: ``png``, ``retina``, ``svg``, ``jpeg`` or ``pdf``."""
    from worker.pictures import choose_formats

    choose_formats(formats)


def set_matplotlib_close(close=True):
    """Do nothing: figures are always closed when they have been shown."""


def _display_as(name, mime):
    def display_as(*objs, raw=False, metadata=None, **_):
        if raw:
            objs = [{mime: obj} for obj in objs]
        metadata = {mime: metadata} if metadata else None
        display.display(*objs, raw=raw, metadata=metadata, include=["text/plain", mime])

    display_as.__name__ = display_as.__qualname__ = f"display_{name}"
    display_as.__doc__ = f"Show objects as {mime}."
    display_as.__module__ = "IPython.display"
    return display_as


def _contents():
    """Return the names of each module of the stand-in."""
    as_type = {f"display_{name}": _display_as(name, mime) for name, mime in _MIME_TYPES.items()}
    settings = {each.__name__: each for each in (set_matplotlib_formats, set_matplotlib_close)}
    everything = {**_DISPLAY_FUNCTIONS, **as_type, **_CLASSES, **settings}
    return {
        "IPython": {
            "get_ipython": get_ipython,
            "display": None,  # the module below
            "__version__": ".".join(map(str, VERSION)),
            "version_info": VERSION,
        },
        "IPython.display": everything,
        "IPython.core": {},
        "IPython.core.display": everything,
        "IPython.core.display_functions": _DISPLAY_FUNCTIONS,
        "IPython.core.getipython": {"get_ipython": get_ipython},
        "IPython.core.pylabtools": {"backend2gui": {}},
        "IPython.lib": {},
        "IPython.lib.display": {name: everything[name] for name in _IN_LIB},
    }


class _Loader:
    """Fills the modules of the stand-in, all at once: importers expect that ``IPython.display`` is an attribute."""

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        module.__doc__ = "A stand-in for IPython, which is not installed: what is shown goes to the daemon's clients."
        made = {"IPython": module}
        for name, contents in _contents().items():
            each = made.setdefault(name, ModuleType(name, module.__doc__))
            each.__dict__.update(contents)
            if name != "IPython":
                each.__spec__ = ModuleSpec(name, None, origin=module.__spec__.origin)
                parent, _, last = name.rpartition(".")
                each.__package__ = name if name in ("IPython.core", "IPython.lib") else parent
                sys.modules[name] = each
                setattr(made[parent], last, each)
        for name in ("IPython", "IPython.core", "IPython.lib"):
            made[name].__path__ = []


def spec():
    """Return the spec of the stand-in."""
    return ModuleSpec("IPython", _Loader(), origin="interpreterd", is_package=True)


def take_over(module):
    """Let the functions of ``IPython.core.display_functions``, which is installed, show things here."""
    module.__dict__.update(_DISPLAY_FUNCTIONS)


def take_over_shell(module):
    """Let the function of ``IPython.core.getipython``, which is installed, return the shell that is here."""
    for each in (module, sys.modules.get("IPython")):
        if each is not None and "get_ipython" in vars(each):  # the package has it, too, if a template has imported it
            each.get_ipython = get_ipython
