"""Comms: channels by which code and clients tell each other things, as Jupyter's widgets do.

A comm is made by either side, for a *target*: the name under which the other side waits for it. Both sides then send
messages of JSON, with binary buffers, until one of them closes it. It ends with the worker.

A client's message is an execution: it waits for its turn, and then the functions run that code has registered. Its
content is the code of the request, see ``comm_content``.
"""

import binascii
from collections.abc import Iterable
from typing import Final, Literal

from attrs import field, frozen

from interpreterd.model.displays import Json
from interpreterd.model.events import Event

COMM_LIMIT_BYTES: Final = 16 << 20
"""Of a message's data and buffers together, buffers not counted as base64."""
CONTENT_LIMIT_BYTES: Final = COMM_LIMIT_BYTES // 3 * 4 + (64 << 10)
"""The same as UTF-8, buffers as base64."""
BUFFERS_LIMIT: Final = 1024
COMM_ID_LIMIT_CHARS: Final = 1000
CommAction = Literal["open", "message", "close"]


@frozen(kw_only=True)
class ToComm:
    """Whom a client's message is for.

    Attributes:
        comm_id: Chosen by the side that opens the comm.
        target: The name that code has registered; only to open a comm.
    """

    action: CommAction
    comm_id: str
    target: str = ""


@frozen(kw_only=True)
class CommMessage(Event):
    """Code opens a comm, sends a message by it, or closes it.

    Attributes:
        target: The name that clients know; only of ``open``.
        data: Any JSON value; mostly an object.
        metadata: A JSON object, or None for an empty one.
        buffers: Binary data.
    """

    counts_as_backlog = True

    action: CommAction
    comm_id: str
    target: str = ""
    data: Json
    metadata: Json | None = None
    buffers: tuple[bytes, ...] = field(default=(), repr=lambda buffers: f"<{len(buffers)} buffers>")


def comm_content(data: str = "{}", metadata: str = "{}", buffers: Iterable[bytes | memoryview] = ()) -> str:
    """Return the content of a client's message: ``Execute.code`` with ``Execute.comm``.

    Args:
        data: A value as JSON text.
        metadata: An object as JSON text.
        buffers: Binary data, of at most ``COMM_LIMIT_BYTES`` together with ``data``.
    """
    encoded = ",".join(f'"{binascii.b2a_base64(buffer, newline=False).decode()}"' for buffer in buffers)
    return f'{{"data":{data},"metadata":{metadata},"buffers":[{encoded}]}}'
