"""The worker's own modules, within a worker, for tests of them: user code itself cannot import them."""

import json
from typing import Any

from worker_driver import DrivenWorker

# Defines ``own(name)`` in the user's namespace: the module of the worker with this name.
OWN = """
import gc
importer = next(it for it in gc.get_objects() if type(it).__name__ == "Importer")
own = importer.module
"""


def told(worker: DrivenWorker, code: str) -> Any:
    """Run ``code``, which must put a JSON value into ``it``; return the value. It may use ``own``."""
    printed = worker.printed(f"{OWN}{code}\nimport json as _json\nprint(_json.dumps(it))")
    return json.loads(printed.splitlines()[-1])


# Lets the worker's ``publish`` add to ``published``: kind, data, metadata, transient, wait; of bytes the length.
PUBLISHED = (
    OWN
    + """
import sys
published = []
def _told(value):
    if isinstance(value, dict):
        return {key: _told(each) for key, each in value.items()}
    return {"bytes": len(value)} if isinstance(value, bytes) else value
def _publish(kind, data=None, metadata=None, transient=None, wait=False, **more):
    published.append([kind, _told(data or {}), metadata or {}, transient or {}, wait])
_publisher = type(sys)("worker.publisher")
vars(_publisher).update(vars(own("publisher")), publish=_publish)
importer.package.publisher = _publisher
"""
)

WITHOUT_IPYTHON = PUBLISHED + "sys.path[:] = [path for path in sys.path if 'site-packages' not in path]\n"


def shown(worker: DrivenWorker, *cells: str) -> list[list[Any]]:
    """Run ``cells``, one after another; return what they have published. ``PUBLISHED`` must have run there."""
    for cell in cells:
        ran = worker.run(cell)
        assert (ran.error, ran.stderr) == (None, "")
    printed = worker.printed("import json as _json\nprint(_json.dumps(published)); published.clear()")
    found: list[list[Any]] = json.loads(printed)
    return found


def represented(worker: DrivenWorker, made: str) -> list[dict[str, Any]]:
    """Return data and metadata of the object that an expression makes, by IPython's stand-in; bytes in hex."""
    code = (
        WITHOUT_IPYTHON + f"from IPython.display import *\ndata, metadata = own('formatters').bundle({made})\n"
        "it = {key: value.hex() if type(value) is bytes else value for key, value in data.items()}, metadata"
    )
    found: list[dict[str, Any]] = told(worker, code)
    return found
