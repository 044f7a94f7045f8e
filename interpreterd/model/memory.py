"""The memory of a value, roughly, as journals count it."""

import enum
import sys
from collections.abc import Mapping, Set
from typing import Final

import attrs

_SMALL: Final = 1 << 64


def text_bytes(text: str) -> int:
    """Return the memory of ``text`` once it has been encoded: a ``str`` that is not ASCII then holds its UTF-8, too."""
    size_bytes = sys.getsizeof(text)
    return size_bytes if text.isascii() else 2 * size_bytes + len(text)


def memory_bytes(value: object) -> int:
    """Return the memory of ``value`` besides the reference to it: its texts, bytes and collections, at any depth.

    None, small numbers and members of an enum count as nothing.

    Raises:
        TypeError: It is, or has, an object whose memory is not known.
    """
    if value is None:
        return 0
    if type(value) is str:
        return text_bytes(value)
    size_bytes = 0
    values = [value]
    while values:  # without recursion: it may be as deep as a client's JSON
        value = values.pop()
        match value:
            case None | bool() | float() | enum.Enum():
                pass
            case int():
                size_bytes += 0 if -_SMALL < value < _SMALL else sys.getsizeof(value)
            case str():
                size_bytes += text_bytes(value)
            case bytes() | bytearray():
                size_bytes += sys.getsizeof(value)
            case BaseException():
                values += value.args
            case Mapping():
                size_bytes += sys.getsizeof(value)
                values += value.keys()
                values += value.values()
            case list() | tuple() | Set():
                size_bytes += sys.getsizeof(value)
                values += value
            case _:
                kind = type(value)
                if not attrs.has(kind):
                    raise TypeError(f"how much a {kind.__name__} keeps cannot be told")
                size_bytes += sys.getsizeof(value)
                values += (getattr(value, it.name) for it in attrs.fields(kind))
    return size_bytes
