"""Files in /dev/shm of a test's own."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

FOLDER = Path("/dev/shm")


@pytest.fixture
def name() -> Iterator[str]:
    """The name of what a test makes; removed after it."""
    name = f"remains-{uuid4().hex}"
    yield name
    for path in FOLDER.glob(f"*{name}*"):
        for below in [*path.iterdir()] if path.is_dir() else []:
            below.unlink()
        (path.rmdir if path.is_dir() else path.unlink)()


def left(name: str) -> list[str]:
    """Return what there is of ``name``."""
    return [path.name for path in FOLDER.glob(f"*{name}")]
