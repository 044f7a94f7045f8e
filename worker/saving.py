"""Pictures that user code saves to files are shown too, if the execution's request wants that.

The methods of the libraries do what they did; a method that this module cannot replace stays as it is.
"""

from os import PathLike

from worker import namespace


def hook_image(module):
    """Let ``Image.save`` show the picture; called with ``PIL.Image``."""

    def show(picture):
        from worker.display import display

        display(picture)

    _replace(module.Image, "save", "fp", show)


def hook_figure(module):
    """Let ``Figure.savefig`` show the figure, once: not again when the cell ends; called with ``matplotlib.figure``."""

    def show(figure):
        from worker.pictures import show_figure

        show_figure(figure)

    _replace(module.Figure, "savefig", "fname", show)


_busy = []


def _replace(kind, name, parameter, show):
    """Let the method ``name``, whose ``parameter`` is the file, ``show`` what it has saved."""
    original = vars(kind)[name]

    def save(self, *arguments, **options):
        target = arguments[0] if arguments else options.get(parameter)
        if _busy or not namespace.current.request.get("showSaved") or not isinstance(target, (str, PathLike)):
            return original(self, *arguments, **options)
        _busy.append(True)  # matplotlib saves its figures by Pillow
        try:
            returned = original(self, *arguments, **options)
            show(self)
            return returned
        finally:
            _busy.clear()

    for each in ("__module__", "__name__", "__qualname__", "__doc__"):
        setattr(save, each, getattr(original, each))
    save.__wrapped__ = original
    setattr(kind, name, save)
