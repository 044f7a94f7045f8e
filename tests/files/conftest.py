"""Each test of files runs with the kernel's resolution of names, and with the daemon's own, for other kernels."""

from pathlib import Path

import pytest

from interpreterd.files import beneath


@pytest.fixture(params=["kernel", "step by step"], autouse=True)
def resolution(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "kernel":
        if not beneath.has_openat2():
            pytest.skip("this kernel has no openat2(2)")
    else:
        monkeypatch.setattr(beneath, "has_openat2", lambda: False)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Return a context's directory, beside which lies ``secret``."""
    (tmp_path / "secret").write_bytes(b"secret")
    inside = tmp_path.resolve() / "inside"
    inside.mkdir()
    return inside
