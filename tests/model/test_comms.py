"""Messages of comms: they count with all that they carry; a client's content is JSON."""

import json

from interpreterd.model.comms import CommMessage, comm_content
from interpreterd.model.displays import Json


def test_its_data_and_buffers_count() -> None:
    message = CommMessage(action="message", comm_id="c", data=Json("1" * 1_000_000), buffers=(b"A" * 1_000_000, b""))
    assert 2_000_000 < message.kept_bytes < 2_010_000
    assert message.counts_as_backlog
    assert len(repr(message)) < 200, "data stays out of logs"


def test_the_content_of_a_message_is_one_json_object() -> None:
    assert json.loads(comm_content()) == {"data": {}, "metadata": {}, "buffers": []}
    content = comm_content('{"a":1}', '{"b":2}', [b"\x00\x01\x02", memoryview(b"")])
    assert json.loads(content) == {"data": {"a": 1}, "metadata": {"b": 2}, "buffers": ["AAEC", ""]}
