"""Isolated contexts for tests: the profiles, an index of packages on an allowed port, and small programs."""

import contextlib
import functools
import http.server
import io
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

PROFILES: Final = ("standard", "strict")
PACKAGE: Final = "isolated_demo"
_METADATA: Final = f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: 1.0\n"
_WHEEL: Final = "Wheel-Version: 1.0\nGenerator: by-hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


def write_index(folder: Path) -> None:
    """Make an index of packages (PEP 503) in ``folder``, which has ``PACKAGE``."""
    place = folder / "simple" / PACKAGE.replace("_", "-")
    place.mkdir(parents=True)
    name = f"{PACKAGE}-1.0-py3-none-any.whl"
    wheel = io.BytesIO()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{PACKAGE}.py", "VALUE = 42\n")
        archive.writestr(f"{PACKAGE}-1.0.dist-info/METADATA", _METADATA)
        archive.writestr(f"{PACKAGE}-1.0.dist-info/WHEEL", _WHEEL)
        archive.writestr(f"{PACKAGE}-1.0.dist-info/RECORD", "")
    (place / name).write_bytes(wheel.getvalue())
    (place / "index.html").write_text(f'<a href="{name}">{name}</a>')


@contextlib.contextmanager
def index(folder: Path) -> Iterator[int]:
    """Serve an index of packages for the block; yield its port."""
    write_index(folder)
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, name="index of packages")
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
