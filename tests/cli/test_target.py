"""The daemon that a command connects to."""

import click
import pytest

from interpreterd.cli import target


def test_an_address_that_is_none_is_wrong_usage() -> None:
    with pytest.raises(click.BadParameter) as caught:
        target.opened("nowhere", local=False)
    assert caught.value.param_hint == "--url"


def test_a_private_daemon_goes_before_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[object] = []
    monkeypatch.setattr(target.Interpreter, "local", lambda **options: opened.append(options))
    target.opened("http://127.0.0.1:1", local=True)
    assert opened == [{"origin": "interpreterd"}]
