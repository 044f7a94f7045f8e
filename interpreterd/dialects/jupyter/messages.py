"""Messages to Jupyter's clients: what is said, before it has the form of a connection.

https://jupyter-client.readthedocs.io/en/stable/messaging.html. Parts are kept as JSON, so that the same message costs
nothing more on a second connection, and a parent header is encoded once for all messages of a request.
"""

import itertools
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import uuid4

import orjson
from attrs import field, frozen

PROTOCOL_VERSION: Final = "5.3"
NO_PARENT: Final = b"{}"
SHELL: Final = "shell"
CONTROL: Final = "control"
STDIN: Final = "stdin"
IOPUB: Final = "iopub"
USERNAME: Final = "interpreterd"
_EPOCH: Final = datetime(1970, 1, 1)


@frozen
class Outgoing:
    """A message to a client.

    Attributes:
        channel: ``shell``, ``control``, ``stdin`` or ``iopub``.
        kind: Its ``msg_type``.
        parent: The header of the request to which it belongs, as JSON.
        content: A JSON object, as JSON; so is ``metadata``.
    """

    channel: str
    kind: str
    parent: bytes
    content: bytes = field(repr=lambda content: f"<{len(content)} bytes>")
    metadata: bytes = b"{}"
    buffers: Sequence[bytes] = field(default=(), repr=lambda buffers: f"<{len(buffers)} buffers>")

    @property
    def size_bytes(self) -> int:
        """Roughly its length on a connection."""
        return 512 + len(self.parent) + len(self.content) + len(self.metadata) + sum(map(len, self.buffers))


class Author:
    """Writes the headers of a kernel's messages."""

    def __init__(self) -> None:
        self._session = uuid4().hex
        self._numbers = itertools.count(1)

    def header(self, kind: str) -> tuple[bytes, bytes]:
        """Return the id of a new message, and its header as JSON."""
        message_id = b"%b_%d" % (self._session.encode(), next(self._numbers))
        return message_id, (
            b'{"msg_id":"%b","msg_type":"%b","username":"%b","session":"%b","date":"%b","version":"%b"}'
            % (
                message_id,
                kind.encode(),
                USERNAME.encode(),
                self._session.encode(),
                iso(time.time()).encode(),
                PROTOCOL_VERSION.encode(),
            )
        )


def iso(moment: float) -> str:
    """Return a moment, in seconds since the epoch, as in headers."""
    return (_EPOCH + timedelta(seconds=moment)).isoformat(timespec="microseconds") + "Z"


def own_parent(message_id: str, kind: str, session: str) -> bytes:
    """Return the header of a request that no client of this API has made, as JSON."""
    return orjson.dumps(
        {
            "msg_id": message_id,
            "msg_type": kind,
            "username": USERNAME,
            "session": session,
            "date": iso(time.time()),
            "version": PROTOCOL_VERSION,
        }
    )


def status(state: str, parent: bytes = NO_PARENT) -> Outgoing:
    """Return a ``status``: ``busy``, ``idle``, ``starting``, ``restarting`` or ``dead``."""
    return Outgoing(IOPUB, "status", parent, b'{"execution_state":"%b"}' % state.encode())


def published(kind: str, content: dict[str, Any], parent: bytes) -> Outgoing:
    """Return a message for all that listen."""
    return Outgoing(IOPUB, kind, parent, orjson.dumps(content))


def reply(channel: str, kind: str, content: dict[str, Any], parent: bytes) -> Outgoing:
    """Return the answer to a request."""
    return Outgoing(channel, kind, parent, orjson.dumps(content))


def answered(answer: Outgoing) -> tuple[Outgoing, ...]:
    """Return ``answer`` between ``busy`` and ``idle``."""
    return status("busy", answer.parent), answer, status("idle", answer.parent)
