"""Tests of contexts run with the log level DEBUG, so that every line of the log is formatted."""

import logging

import pytest


@pytest.fixture(autouse=True)
def _log_everything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
