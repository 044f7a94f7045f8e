"""Records of the display pipe, as a worker writes them."""

import json
from typing import Any

from interpreterd.pipe.bundles import LEAST_RECORD_BYTES

LEAST = LEAST_RECORD_BYTES - 8


def record(kind: bytes, payload: bytes) -> bytes:
    """Return one record."""
    payload = payload.ljust(LEAST)
    return b"%b%07x%b" % (kind, len(payload), payload)


def head(data: dict[str, bytes], size: int = 1 << 16, **header: Any) -> bytes:
    """Return the first record of a bundle, with the first ``size`` bytes of ``data``."""
    line = json.dumps({"kind": "display", "sizes": {mime: len(it) for mime, it in data.items()}, **header}).encode()
    body = b"".join(data.values())[:size]
    return record(b"H", line.ljust(max(0, LEAST - 1 - len(body))) + b"\n" + body)
