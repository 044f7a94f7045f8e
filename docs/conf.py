"""How Sphinx builds this site: ``make docs``."""

import sys
from pathlib import Path
from typing import Any

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parent))
import plots
import reference

from interpreterd import __version__

project = "interpreterd"
version = release = __version__
html_title = f"interpreterd {__version__.partition('+')[0]}"
html_theme = "furo"
html_copy_source = False
html_show_copyright = False
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
python_use_unqualified_type_names = True
GENERATED = {**reference.PAGES, "figures": plots.page}
# The library's own inventory would have to be fetched, but the site is built without a network. And two types that a
# client never meets: it does not offer to answer input(), and no exception of the daemon leaves the daemon.
nitpick_ignore_regex = [
    ("py:.*", r"(asyncio|collections\.abc|datetime|os|pathlib|ssl|types|typing)\..*"),
    ("py:class", r"interpreterd\.model\.\w+\.(Event|InputRequest|InterpreterError)"),
    # What the properties of a documented class read from.
    ("py:class", r"interpreterd\.model\.(files\.ChangedFiles|failures\.Details|functions\.CallOutcome)"),
    ("py:class", r"interpreterd\.model\.(displays\.(Evaluated|Json)|looks\.(Cell|Comms|History|Variables))"),
    ("py:class", r"interpreterd\.client\.context_files\.RunRequest(Async)?"),
    ("py:class", r"interpreterd\.client\.checkpoints\.(CheckpointRequest|_C)"),
    ("py:class", r"interpreterd\.client\.(following\.FollowedExecution|portal\.Portal|results\.Collector)"),
]


def setup(app: Sphinx) -> None:
    """Fill in the generated parts."""
    app.add_lexer("mermaid", TextLexer)
    app.add_lexer("haproxy", TextLexer)
    app.connect("source-read", _fill)
    app.connect("autodoc-process-docstring", _mark_code, priority=100)  # before napoleon


def _fill(app: Sphinx, page: str, source: list[str]) -> None:
    if page in GENERATED:
        source[0] += GENERATED[page]()


def _mark_code(app: Sphinx, what: str, name: str, thing: object, options: Any, lines: list[str]) -> None:
    reference.mark_code(lines)
