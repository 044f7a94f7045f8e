"""What the worker adds to libraries that show things, when user code imports them: they find no notebook here.

``Search`` in ``imports.py`` asks here about the modules in its list. Each library stays as it is if its parts are not
those that are expected here.
"""

import os
import sys

SHOWN_BY = "interpreterd_inline"  # the module of matplotlib's backend; libraries look for "inline" in its name
BACKEND = f"module://{SHOWN_BY}"


def extended(name, spec):
    """Return the spec by which ``name`` is imported; ``spec`` is what Python has found, or None."""
    if spec is None:
        return _spec_of_own(name)
    loader = spec.loader
    if name not in _HOOKS or loader is None:
        return spec

    def exec_module(module):
        del loader.exec_module
        loader.exec_module(module)
        extend(name, module)

    try:
        loader.exec_module = exec_module
    except AttributeError:  # a loader without room for it
        pass
    return spec


def extend(name, module):
    """Add to ``module``, which has just been imported under this name."""
    try:
        _HOOKS[name](module)
    except Exception:  # another version, or another module of this name
        pass


def _spec_of_own(name):
    if name == "IPython":
        from worker import ipython

        return ipython.spec()
    if name == SHOWN_BY:
        from _frozen_importlib import ModuleSpec

        from worker import pictures

        return ModuleSpec(name, pictures.Loader(), origin="interpreterd")
    return None


def _hook_ipython(module):
    from worker.ipython import take_over

    take_over(module)


def _hook_getipython(module):
    from worker.ipython import take_over_shell

    take_over_shell(module)


def _hook_comm(module):
    from worker.comms import take_over

    take_over(module)


def _hook_interact(module):
    """Let ``interact`` show figures where its function shows other things, and not at the end of the execution."""

    def show_inline_matplotlib_plots():
        from worker.pictures import show_left

        show_left()

    module.show_inline_matplotlib_plots = show_inline_matplotlib_plots


def _hook_matplotlib(module):
    """Show figures, unless the user has chosen a backend: by ``MPLBACKEND`` or in a file of settings.

    Not by the variable, which processes of user code would inherit.
    """
    if dict.__getitem__(module.rcParams, "backend") is module.rcsetup._auto_backend_sentinel:
        dict.__setitem__(module.rcParams, "backend", BACKEND)


def _hook_axes(module):
    from worker.charts import note_boxes

    note_boxes(module)


def _hook_plotly(module):
    """Let figures be shown as in a notebook: plotly would open a browser. Its page loads plotly.js from its network."""
    if "PLOTLY_RENDERER" in os.environ or module.renderers.default not in ("browser", ""):
        return
    if module.nbformat is None:  # plotly only wants to know that it is not too old
        module.nbformat = type(sys.implementation)(__version__="5.0.0")
    module.renderers.default = "plotly_mimetype+notebook_connected"
    # It would show a script, before each figure, that the figure's own HTML has, too.
    module.renderers["notebook_connected"].activate = lambda: None


def _hook_plotly_figures(module):
    """Let a figure be a value like others: IPython calls this method, and gets no text."""
    del module.BaseFigure._ipython_display_


def _hook_image(module):
    from worker.saving import hook_image

    hook_image(module)


def _hook_figure(module):
    from worker.saving import hook_figure

    hook_figure(module)


def _hook_pil(module):
    """Let ``Image.show()`` show the picture here: a program that opens a window might be installed."""
    from worker.display import display

    class ShownHere(module.Viewer):
        def show(self, image, **options):
            display(image)
            return True

    module.register(ShownHere, 0)


_HOOKS = {
    "IPython.core.display_functions": _hook_ipython,
    "IPython.core.getipython": _hook_getipython,
    "comm": _hook_comm,
    "ipywidgets.widgets.interaction": _hook_interact,
    "matplotlib": _hook_matplotlib,
    "matplotlib.axes._axes": _hook_axes,
    "matplotlib.figure": _hook_figure,
    "plotly.basedatatypes": _hook_plotly_figures,
    "plotly.io._renderers": _hook_plotly,
    "PIL.Image": _hook_image,
    "PIL.ImageShow": _hook_pil,
}
