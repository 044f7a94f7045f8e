"""The data of comms as it is sent: JSON, also of types that only Jupyter takes, and binary buffers."""

import binascii
import datetime
import os

from worker.publisher import WEIGHT_LIMIT, json_text, weight


def base64_of(buffer):
    """Return binary data as base64. Raises TypeError, or ValueError if it is not contiguous."""
    view = memoryview(buffer)
    if not view.contiguous:
        raise ValueError("a buffer of a comm must be contiguous")
    return binascii.b2a_base64(view.cast("B") if view.nbytes else b"", newline=False)


def json_of(data):
    """Return data as JSON in UTF-8. Raises TypeError or ValueError for data that cannot be sent."""
    text = json_text(data, _plain).encode("utf-8", "replace")
    if weight(text) > WEIGHT_LIMIT:
        raise ValueError("the data of a comm's message has too many elements: large arrays go into buffers")
    return text


def _plain(value):
    """Return ``value`` as JSON has it, for those types that Jupyter's kernel takes, too."""
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return binascii.b2a_base64(bytes(value), newline=False).decode()
    for convert in ("tolist", "__index__", "__float__"):  # of arrays and numbers of numpy
        method = getattr(type(value), convert, None)
        if method is not None:
            return method(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(type(value), "__iter__"):
        return list(value)
    raise TypeError(f"{type(value).__name__} is no data for a comm: JSON cannot hold it")
