"""The classes of ``IPython.display`` for a Python without IPython: data that knows how it wants to be shown.

Names, parameters and representations are IPython's; see ``IPython.display`` in its documentation.
"""

import os

from worker import display as _display


class DisplayObject:
    """Data, or a file or URL with it, which is then read at once."""

    _binary = False
    metadata = None

    def __init__(self, data=None, url=None, filename=None, metadata=None):
        if hasattr(data, "__fspath__"):
            data = os.fspath(data)
        if isinstance(data, str) and url is None and filename is None:
            if data.startswith(("http://", "https://")):
                data, url = None, data
            elif _is_file(data):
                data, filename = None, data
        self.url, self.filename, self.data = url, filename, data
        if metadata is not None:
            self.metadata = metadata
        elif self.metadata is None:
            self.metadata = {}
        self.reload()
        self._check_data()

    def __repr__(self):
        return f"<{type(self).__module__}.{type(self).__name__} object>"

    def reload(self):
        """Read the data again from its file or URL."""
        if self.filename is not None:
            with open(self.filename, "rb") as file:
                self.data = self._decoded(file.read())
        elif self.url is not None:
            self.data = self._decoded(_fetched(self.url))

    def _decoded(self, data):
        return data if self._binary else data.decode("utf-8", "replace")

    def _check_data(self):
        pass

    def _data_and_metadata(self):
        return (self.data, dict(self.metadata)) if self.metadata else self.data


def _is_file(text):
    try:
        return len(text) < 4096 and os.path.exists(text)
    except (OSError, ValueError):
        return False


def _fetched(url):
    from urllib.request import urlopen

    with urlopen(url) as response:
        return response.read()


class TextDisplayObject(DisplayObject):
    """Text in some language."""

    def _check_data(self):
        if self.data is not None and not isinstance(self.data, str):
            raise TypeError(f"{type(self).__name__} expects text, not {self.data!r}")


class Pretty(TextDisplayObject):
    """Plain text, without the quotes of a str."""

    def __repr__(self):
        return "" if self.data is None else self.data


class HTML(TextDisplayObject):
    """HTML."""

    def _repr_html_(self):
        return self._data_and_metadata()

    def __html__(self):
        """Tell libraries that this needs no escapes."""
        return self.data


class Markdown(TextDisplayObject):
    """Markdown."""

    def _repr_markdown_(self):
        return self._data_and_metadata()


class Latex(TextDisplayObject):
    """LaTeX, with its own ``$``."""

    def _repr_latex_(self):
        return self._data_and_metadata()


class Math(TextDisplayObject):
    """A formula in LaTeX."""

    def _repr_latex_(self):
        formula = f"$\\displaystyle {self.data.strip('$')}$"
        return (formula, dict(self.metadata)) if self.metadata else formula


class SVG(DisplayObject):
    """A picture as SVG, without what is before its ``<svg>``."""

    _text = None

    @property
    def data(self):
        return self._text

    @data.setter
    def data(self, svg):
        if svg is not None:
            svg = svg.decode("utf-8", "replace") if isinstance(svg, bytes) else svg
            at = svg.find("<svg")
            svg = svg if at < 0 else svg[at:]
        self._text = svg

    def _repr_svg_(self):
        return self._data_and_metadata()


class JSON(DisplayObject):
    """A dict or list, or a file or URL with one."""

    _value = None

    def __init__(self, data=None, url=None, filename=None, expanded=False, metadata=None, root="root", **options):
        self.metadata = {"expanded": expanded, "root": root, **(metadata or {}), **options}
        super().__init__(data, url, filename)

    @property
    def data(self):
        return self._value

    @data.setter
    def data(self, data):
        if isinstance(data, str):
            import json

            data = json.loads(data)
        self._value = data

    def _check_data(self):
        if self.data is not None and not isinstance(self.data, (dict, list)):
            raise TypeError(f"{type(self).__name__} expects JSONable dict or list, not {self.data!r}")

    def _repr_json_(self):
        return self.data, self.metadata


class GeoJSON(JSON):
    """GeoJSON, which some clients show as a map."""

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"application/geo+json": self.data, "text/plain": repr(self)}, {"application/geo+json": self.metadata}

    _repr_json_ = None


class Javascript(TextDisplayObject):
    """JavaScript, after ``lib``, the URLs of scripts, and with ``css``, the URLs of style sheets."""

    def __init__(self, data=None, url=None, filename=None, lib=None, css=None):
        self.lib = [lib] if isinstance(lib, str) else list(lib or ())
        self.css = [css] if isinstance(css, str) else list(css or ())
        super().__init__(data, url, filename)

    def _repr_javascript_(self):
        parts = [
            'var link = document.createElement("link"); link.rel = "stylesheet"; link.type = "text/css"; '
            f"link.href = {_quoted(each)}; document.head.appendChild(link);\n"
            for each in self.css
        ]
        for each in self.lib:
            parts.append(
                "new Promise(function(resolve, reject) { var script = document.createElement('script'); "
                f"script.onload = resolve; script.onerror = reject; script.src = {_quoted(each)}; "
                "document.head.appendChild(script); }).then(() => {\n"
            )
        return "".join([*parts, self.data or "", *(["\n});"] * len(self.lib))])


def _quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


class Code(TextDisplayObject):
    """Source code; coloured by Pygments if that is installed."""

    def __init__(self, data=None, url=None, filename=None, language=None):
        self.language = language
        super().__init__(data, url, filename)

    def __repr__(self):
        return self.data or ""

    def _repr_html_(self):
        try:
            from pygments import highlight
            from pygments.formatters import HtmlFormatter
            from pygments.lexers import get_lexer_by_name, guess_lexer, guess_lexer_for_filename
        except ImportError:
            return f"<pre>{_display.escaped(self.data)}</pre>"
        if self.language:
            lexer = get_lexer_by_name(self.language)
        elif self.filename:
            lexer = guess_lexer_for_filename(self.filename, self.data)
        else:
            lexer = guess_lexer(self.data)
        formatter = HtmlFormatter()
        return f"<style>{formatter.get_style_defs('.highlight')}</style>{highlight(self.data, lexer, formatter)}"

    def _repr_latex_(self):
        return None


class ProgressBar(DisplayObject):
    """A bar that moves when ``progress`` is set, or while it is iterated over."""

    def __init__(self, total):
        self.total, self._progress = total, 0
        self.html_width, self.text_width = "60ex", 60
        self._display_id = os.urandom(8).hex()

    def __repr__(self):
        filled = int(self._progress / self.total * self.text_width) if self.total else 0
        return f"[{'=' * filled}{' ' * (self.text_width - filled)}] {self._progress}/{self.total}"

    def _repr_html_(self):
        return f"<progress style='width:{self.html_width}' max='{self.total}' value='{self._progress}'></progress>"

    def display(self):
        """Show the bar."""
        _display.display(self, display_id=self._display_id)

    def update(self):
        """Show the bar as it is now, where it was shown."""
        _display.display(self, display_id=self._display_id, update=True)

    @property
    def progress(self):
        """How far it is, of ``total``."""
        return self._progress

    @progress.setter
    def progress(self, value):
        self._progress = value
        self.update()

    def __iter__(self):
        self.display()
        self._progress = -1  # the first step is 0
        return self

    def __next__(self):
        self.progress += 1
        if self.progress < self.total:
            return self.progress
        raise StopIteration
