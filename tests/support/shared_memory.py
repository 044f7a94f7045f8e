"""Files in /dev/shm for one test."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

FOLDER = Path("/dev/shm")


@pytest.fixture
def name() -> Iterator[str]:
    """Yield a unique name. Files with this name are removed after the test."""
    name = f"remains-{uuid4().hex}"
    yield name
    for path in FOLDER.glob(f"*{name}*"):
        for below in [*path.iterdir()] if path.is_dir() else []:
            below.unlink()
        (path.rmdir if path.is_dir() else path.unlink)()


def left(name: str) -> list[str]:
    """Return the names of files that end with ``name``."""
    return [path.name for path in FOLDER.glob(f"*{name}")]
