"""Printers of one's own: ``get_ipython().display_formatter``, by which libraries say how a class is to be shown."""

from worker import formatters
from worker.formatters import METHODS
from worker.publisher import printers

_BUNDLE, _DISPLAY = "mimebundle", "display"


class Printer:
    """Takes text from a printer of ``text/plain``, which IPython gives a pretty printer."""

    def __init__(self):
        self.pieces = []

    def text(self, text):
        """Add ``text``."""
        self.pieces.append(str(text))

    def pretty(self, obj):
        """Add the text of ``obj``."""
        self.pieces.append(repr(obj))

    def breakable(self, separator=" "):
        """Add ``separator``."""
        self.pieces.append(separator)

    def break_(self):
        """End the line."""
        self.pieces.append("\n")

    def begin_group(self, indent=0, open=""):
        """Add what opens a group."""
        self.pieces.append(open)

    def end_group(self, dedent=0, close=""):
        """Add what closes a group."""
        self.pieces.append(close)


class Formatter:
    """The printers for one MIME type, by class."""

    enabled = True

    def __init__(self, mime):
        self.format_type = mime
        self.type_printers, self.deferred_printers = {}, {}

    def for_type(self, typ, func=None):
        """Show objects of a class, or of the class with this name, by ``func``; return the function so far."""
        if isinstance(typ, str):
            module, _, name = typ.rpartition(".")
            return self.for_type_by_name(module, name, func)
        before = self.type_printers.get(typ)
        if func is not None:
            self.type_printers[typ] = func
            printers[self.format_type] = self
        return before

    def for_type_by_name(self, type_module, type_name, func=None):
        """Do the same for a class that need not have been imported."""
        key = type_module, type_name
        before = self.deferred_printers.get(key)
        if func is not None:
            self.deferred_printers[key] = func
            printers[self.format_type] = self
        return before

    def lookup_by_type(self, typ):
        """Return the function for a class, or for the nearest of its bases. Raises KeyError."""
        for kind in typ.__mro__:
            for found in (
                self.type_printers.get(kind),
                self.deferred_printers.get((getattr(kind, "__module__", None), kind.__name__)),
            ):
                if found is not None:
                    return found
        raise KeyError(typ)

    def lookup(self, obj):
        """Return the function for ``obj``. Raises KeyError."""
        return self.lookup_by_type(type(obj))

    def pop(self, typ, default=KeyError):
        """Forget the function for a class, and return it."""
        key = tuple(typ.rpartition(".")[::2]) if isinstance(typ, str) else typ
        printers = self.deferred_printers if isinstance(typ, str) else self.type_printers
        if key not in printers and default is KeyError:
            raise KeyError(typ)
        return printers.pop(key, default)

    def __call__(self, obj):
        """Return what the function for ``obj`` makes of it; None if there is none."""
        try:
            function = self.lookup(obj)
        except KeyError:
            return None
        if self.format_type != "text/plain":
            return function(obj)
        printer = Printer()
        function(obj, printer, False)
        return "".join(printer.pieces)


class DisplayFormatter:
    """All printers.

    Attributes:
        formatters: A ``Formatter`` for each MIME type.
    """

    def __init__(self):
        self.formatters = {mime: Formatter(mime) for mime in ("text/plain", *METHODS)}
        self.mimebundle_formatter = Formatter(_BUNDLE)
        self.ipython_display_formatter = Formatter(_DISPLAY)
        self.active_types = list(self.formatters)

    def format(self, obj, include=None, exclude=None):
        """Return the data of ``obj`` by MIME type, and the metadata."""
        return formatters.bundle(obj, include, exclude)


def add_own(obj, is_wanted, data, metadata):
    """Add what the program's printers make of ``obj``; return whether one has shown it itself."""
    for mime, printer in printers.items():
        try:
            printer.lookup(obj)
        except KeyError:
            continue
        if mime == _DISPLAY:
            if formatters.attempt(printer, obj)[1]:
                return True
        elif mime == _BUNDLE:
            found = formatters.attempt(printer, obj)[0]
            more = found if isinstance(found, dict) else {}
            data.update({kind: value for kind, value in more.items() if is_wanted(kind)})
        elif is_wanted(mime):
            kinds = METHODS[mime][1] if mime in METHODS else (str,)
            formatters.take(mime, formatters.attempt(printer, obj)[0], kinds, data, metadata)
    return False
