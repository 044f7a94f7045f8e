"""Each backend of the table can do what every backend can."""

import inspect
from pathlib import Path

import pytest

from interpreterd.contexts.state.backends import BACKENDS
from interpreterd.contexts.state.backends.backend import StateBackend


@pytest.mark.parametrize("name", BACKENDS)
def test_a_backend_has_every_method(tmp_path: Path, name: str) -> None:
    backend = BACKENDS[name](str(tmp_path / "state"))
    for method, declared in vars(StateBackend).items():
        if inspect.isfunction(declared) and not method.startswith("_"):
            own = inspect.signature(getattr(type(backend), method))
            assert list(own.parameters) == list(inspect.signature(declared).parameters), method
    backend.close()
