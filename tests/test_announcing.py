"""The line on stdout; a stdout that cannot be written to is told in the log."""

import json
import os

import pytest

from interpreterd import announcing


def test_the_line_has_url_port_and_pid(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    monkeypatch.setattr(announcing, "STDOUT_FD", writer)
    announcing.announce("unix:/a", None)
    assert json.loads(os.read(reader, 4096)) == {"url": "unix:/a", "port": None, "pid": os.getpid()}
    os.close(reader)
    os.close(writer)


def test_a_stdout_without_a_reader_is_told(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    monkeypatch.setattr(announcing, "STDOUT_FD", writer)
    announcing._write(b"x\n")
    assert caplog.messages == ["the line with url and port cannot be written to stdout: Broken pipe"]
    os.close(writer)
