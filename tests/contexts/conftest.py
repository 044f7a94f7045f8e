"""Contexts log what they do: each line is made, although nobody reads it."""

import logging

import pytest


@pytest.fixture(autouse=True)
def _log_everything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
