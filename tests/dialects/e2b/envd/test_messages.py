"""The messages have E2B's names and numbers, in both codecs."""

from typing import Any

from google.protobuf import json_format

from interpreterd.dialects.e2b.envd.messages import FILESYSTEM, PROCESS


def test_the_wire_of_a_message() -> None:
    """The bytes are those that E2B's own classes make of it."""
    request: Any = PROCESS["StartRequest"]()
    request.process.cmd = "ls"
    request.process.args.append("-l")
    request.process.envs["A"] = "b"
    request.process.cwd = ""
    request.tag = "t"
    request.stdin = False
    request.pty.size.cols = 80
    data = b"\x0a\x12\x0a\x02ls\x12\x02-l\x1a\x06\x0a\x01A\x12\x01b\x22\x00"
    data += b"\x12\x04\x0a\x02\x08\x50\x1a\x01t\x20\x00"
    assert request.SerializeToString() == data
    again: Any = PROCESS["StartRequest"].FromString(data)
    assert (again.HasField("stdin"), again.process.HasField("cwd"), again.HasField("tag")) == (True, True, True)


def test_the_json_of_a_message() -> None:
    event: Any = PROCESS["StartResponse"]()
    event.event.end.exit_code = -1
    event.event.end.error = "signal: killed"
    assert json_format.MessageToDict(event) == {"event": {"end": {"exitCode": -1, "error": "signal: killed"}}}
    event.event.data.stdout = b"hi"
    assert json_format.MessageToDict(event) == {"event": {"data": {"stdout": "aGk="}}}
    entry: Any = FILESYSTEM["EntryInfo"](type=2, size=5, metadata={"a": "b"})
    entry.modified_time.FromNanoseconds(1_000_000_000)
    assert json_format.MessageToDict(entry) == {
        "type": "FILE_TYPE_DIRECTORY",
        "size": "5",
        "metadata": {"a": "b"},
        "modifiedTime": "1970-01-01T00:00:01Z",
    }
    signal = json_format.ParseDict({"signal": "SIGNAL_SIGKILL"}, PROCESS["SendSignalRequest"]())
    assert signal.signal == 9
