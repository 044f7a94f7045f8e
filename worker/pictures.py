"""Matplotlib's figures as pictures: its backend, which is loaded when pyplot is, and their MIME bundles.

``plt.show()`` shows the open figures, and the end of a cell those that it has left open; they are closed then. There is
no window, and nothing waits. A figure that has been shown and not changed since is not shown once more.
"""

import io
import sys

from worker import namespace
from worker.display import publish_display_data
from worker.formatters import attempt, bundle

MIME_TYPES = {"png": "image/png", "svg": "image/svg+xml", "jpeg": "image/jpeg", "pdf": "application/pdf"}
_formats = ["png"]
_shown = []  # weak references to figures that have been shown in this execution


def choose_formats(formats):
    """Show figures from now on in ``formats``; ``retina`` and the like are png. Raises ValueError."""
    chosen = ["png" if each in ("retina", "png2x") else "jpeg" if each == "jpg" else each for each in formats]
    for each in chosen:
        if each not in MIME_TYPES:
            raise ValueError(f"supported formats are {', '.join(MIME_TYPES)}, not {each}")
    _formats[:] = dict.fromkeys(chosen)


def add_figure(figure, kind, data, is_wanted):
    """Return ``figure`` as pictures by MIME type, and its data if the execution's request wants that."""
    request = namespace.current.request
    wanted = request.get("imageFormat")
    more = {}
    for each in [wanted] if wanted in MIME_TYPES else _formats:
        if is_wanted(MIME_TYPES[each]):
            more[MIME_TYPES[each]] = _drawn(figure, each)
    for name in _charts(request.get("charts"), request.get("formats", ())):
        module = getattr(__import__("worker", fromlist=(name,)), name)
        if is_wanted(module.MIME_TYPE):
            chart, _ = attempt(module.chart_of, figure)
            more.update({} if chart is None else {module.MIME_TYPE: chart})
    _remember(figure)
    return more


def _charts(wanted, formats):
    """Yield the names of the modules that make the data of figures which the request wants."""
    if wanted or "application/vnd.interpreterd.chart+json" in formats:
        yield "charts"
    if "application/vnd.e2b.chart+json" in formats:
        yield "e2b_charts"


def _drawn(figure, format):
    if figure.canvas is None or not hasattr(figure.canvas, "print_figure"):
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        FigureCanvasAgg(figure)
    file = io.BytesIO()
    figure.savefig(file, format=format, dpi=figure.dpi)
    picture = file.getvalue()
    return picture.decode() if format == "svg" else picture


def _remember(figure):
    import weakref

    figure.stale = False
    _shown[:] = [each for each in _shown if each() not in (None, figure)]
    _shown.append(weakref.ref(figure))


def _is_shown(figure):
    return not figure.stale and any(each() is figure for each in _shown)


def show_figure(figure):
    """Show one figure, unless it has been shown as it is now."""
    if _is_shown(figure):
        return
    publish_display_data(*bundle(figure))


def show_open():
    """Show all open figures and close them."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is None:
        return
    try:
        for manager in sys.modules["matplotlib._pylab_helpers"].Gcf.get_all_fig_managers():
            show_figure(manager.canvas.figure)
    finally:
        pyplot.close("all")


def end_cell(request):
    """Show what a cell has left open, if pyplot still uses this backend."""
    show_left()
    _shown.clear()


def show_left():
    """Show what is open, if pyplot uses this backend."""
    helpers = sys.modules.get("matplotlib._pylab_helpers")
    if helpers is not None and helpers.Gcf.figs:
        from worker.libraries import BACKEND

        if str(sys.modules["matplotlib"].get_backend()) == BACKEND:
            show_open()


class Loader:
    """Makes the module of the backend, as matplotlib imports it by name."""

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        from matplotlib.backend_bases import FigureManagerBase
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        class FigureManager(FigureManagerBase):
            """A figure without a window."""

            def show(self):
                show_figure(self.canvas.figure)

            @classmethod
            def pyplot_show(cls, *, block=None):
                show_open()

        class FigureCanvas(FigureCanvasAgg):
            """A canvas without a window."""

            manager_class = FigureManager

        def new_figure_manager(num, *arguments, FigureClass=None, **options):
            from matplotlib.figure import Figure

            return new_figure_manager_given_figure(num, (FigureClass or Figure)(*arguments, **options))

        def new_figure_manager_given_figure(num, figure):
            return FigureManager(FigureCanvas(figure), num)

        def show(*arguments, **options):
            show_open()

        for each in (FigureManager, FigureCanvas, new_figure_manager, new_figure_manager_given_figure, show):
            each.__module__, each.__qualname__ = module.__name__, each.__name__
            setattr(module, each.__name__, each)
        if end_cell not in namespace.current.at_end:
            namespace.current.at_end.append(end_cell)
