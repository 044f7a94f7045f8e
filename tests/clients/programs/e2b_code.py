"""What the checks of E2B's Python SDK share: the code that they run, and how the SDK finds the daemon."""

import contextlib
import os

KEY = "e2b_" + "0" * 40  # the SDK wants this form; the daemon does not look at it
RICH = """
from IPython.display import display
display({"text/plain": "t", "text/html": "<b>h</b>", "text/markdown": "*m*", "image/svg+xml": "<svg/>",
         "image/png": "cG5n", "image/jpeg": "anBn", "application/pdf": "cGRm", "text/latex": "$l$",
         "application/json": {"a": 1}, "application/javascript": "j()", "application/x-more": "x"}, raw=True)
"""
FORMATS = ["text", "html", "markdown", "svg", "png", "jpeg", "pdf", "latex", "json", "javascript"]
DRAWINGS = {
    "line": "plt.plot([1, 2], [3, 4])",
    "scatter": "plt.scatter([1, 2], [3, 4])",
    "bar": "plt.bar(['a', 'b'], [1, 2])",
    "pie": "plt.pie([1, 2], labels=['a', 'b'])",
    "box_and_whisker": "plt.boxplot([[1, 2, 3], [2, 3, 9]], patch_artist=True)",
    "superchart": "plt.subplot(121).plot([1]), plt.subplot(122).bar(['a'], [1])",
    "unknown": "plt.imshow([[1, 2]])",
}
CLASSES = {
    "line": "LineChart",
    "scatter": "ScatterChart",
    "bar": "BarChart",
    "pie": "PieChart",
    "box_and_whisker": "BoxAndWhiskerChart",
    "superchart": "SuperChart",
    "unknown": "Chart",
}
PICTURE = """
    from PIL import Image
    image = Image.new("RGB", (16, 16))
    {}
    """


def drawing(kind):
    """Return code, indented as in E2B's own tests, that draws a figure and shows it."""
    return f"""
    import matplotlib.pyplot as plt
    plt.figure()
    {DRAWINGS[kind]}
    plt.title("A title")
    plt.show()
    """


@contextlib.contextmanager
def directed(url):
    """Direct the SDK to the daemon within the block, by the variables that it reads."""
    os.environ.update(E2B_DEBUG="true", E2B_API_KEY=KEY, E2B_SANDBOX_URL=url)
    try:
        yield
    finally:
        for name in ("E2B_DEBUG", "E2B_API_KEY", "E2B_SANDBOX_URL"):
            del os.environ[name]


def waiting_for(path):
    """Return code that says so, and then waits until a file is there."""
    return (
        f"import os, time\nprint('waiting')\nwhile not os.path.exists({path!r}):\n    time.sleep(0.01)\nprint('done')"
    )


def texts(logs):
    """Return stdout and stderr of an execution."""
    return "".join(logs.stdout), "".join(logs.stderr)


@contextlib.contextmanager
def raises(kind, text):
    """Fail unless the block raises an exception of ``kind`` with ``text`` in its message."""
    try:
        yield
    except kind as raised:
        found = str(raised)
    else:
        found = "no exception"
    assert text in found, found
