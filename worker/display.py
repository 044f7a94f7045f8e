"""``display()`` and what belongs to it, as user code has them: among its builtins, and from ``IPython.display``."""

import os

from worker.formatters import bundle, leave_out
from worker.publisher import publish


def display(
    *objs,
    include=None,
    exclude=None,
    metadata=None,
    transient=None,
    display_id=None,
    raw=False,
    clear=False,
    **options,
):
    """Show objects to the clients of the execution, in all representations that they have.

    Args:
        objs: What to show, each for itself.
        include: MIME types; no others are shown.
        exclude: MIME types that are not shown.
        metadata: A dict that goes with the data; a MIME type as key is for that representation.
        transient: A dict that goes with the data and is not for keeping.
        display_id: A str, by which ``update_display`` can replace what is shown; True for a new one.
        raw: Whether the objects are dicts of data by MIME type already.
        clear: Whether to remove earlier output when the new one arrives.

    Returns:
        A ``DisplayHandle`` if there is a ``display_id``, else None.
    """
    update = options.pop("update", False)
    if options:
        raise TypeError(f"display() got an unexpected keyword argument {next(iter(options))!r}")
    transient = dict(transient or {})
    if display_id:
        display_id = os.urandom(16).hex() if display_id is True else display_id
        transient["display_id"] = display_id
    if update and "display_id" not in transient:
        raise TypeError("display_id required for update_display")
    if not objs and display_id:  # a place for later
        objs, raw = ({},), True
    if clear:
        clear_output(wait=True)
    for obj in objs:
        if raw:
            data, own_metadata = _checked(obj), {}
        else:
            data, own_metadata = bundle(obj, include, exclude)
            if not data:  # it has shown itself
                continue
        merged = _merged(own_metadata, metadata or {})
        refuse = None if raw else leave_out
        publish("update" if update else "display", data, merged, transient, refuse=refuse)
    return DisplayHandle(display_id) if display_id else None


def update_display(obj, *, display_id, **options):
    """Replace what has been shown with ``display_id`` by ``obj``; ``options`` are those of ``display``."""
    display(obj, display_id=display_id, update=True, **options)


def clear_output(wait=False):
    """Remove the output of the execution so far; with ``wait``, when the next one arrives."""
    publish("clear", wait=bool(wait))


def publish_display_data(data, metadata=None, *, transient=None, update=False, **_):
    """Show ``data``, a dict by MIME type, to the clients of the execution."""
    publish("update" if update else "display", _checked(data), dict(metadata or {}), dict(transient or {}))


class DisplayHandle:
    """What has been shown with a ``display_id``: it can be shown again, or replaced."""

    def __init__(self, display_id=None):
        self.display_id = os.urandom(16).hex() if display_id is None else display_id

    def __repr__(self):
        return f"<DisplayHandle display_id={self.display_id}>"

    def display(self, obj, **options):
        """Show ``obj`` with this id."""
        display(obj, display_id=self.display_id, **options)

    def update(self, obj, **options):
        """Replace everything that has been shown with this id by ``obj``."""
        update_display(obj, display_id=self.display_id, **options)


def escaped(text):
    """Return ``text`` for HTML, also for an attribute in double quotes."""
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(character, entity)
    return text


def _checked(data):
    if not isinstance(data, dict):
        raise TypeError(f"data to display must be a dict by MIME type, not {type(data).__name__}")
    for mime in data:
        if not isinstance(mime, str):
            raise TypeError(f"MIME types must be str, not {type(mime).__name__}")
    return dict(data)


def _merged(first, second):
    """Return ``first`` with what ``second`` has; dicts within are merged, too."""
    merged = dict(first)
    for key, value in second.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merged(merged[key], value) if both else value
    return merged


for _each in (display, update_display, clear_output, publish_display_data, DisplayHandle):
    _each.__module__ = "IPython.display"  # where user code finds them
