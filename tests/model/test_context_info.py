"""What clients see of a context."""

import json

from interpreterd.model.context_info import ContextInfo
from interpreterd.model.timestamp import timestamp

CREATED_AT = 1767323045.0


def test_context_info_to_json() -> None:
    info = ContextInfo(
        id="i",
        cwd="/w",
        created_at=timestamp(CREATED_AT),
        state="idle",
        last_used_at=CREATED_AT + 1.0625,
        executions=2,
    )
    assert json.loads(json.dumps(info.to_json())) == {
        "id": "i",
        "cwd": "/w",
        "language": "python",
        "createdAt": "2026-01-02T03:04:05.000000Z",
        "active": True,
        "state": "idle",
        "lastUsedAt": "2026-01-02T03:04:06.062500Z",
        "executionCount": 2,
        "queued": 0,
        "metadata": {},
    }
