"""Bodies of clients' requests about kernels and sessions, checked at the edge.

Unknown keys are ignored, and null means absent.
"""

import os
from collections.abc import Mapping
from typing import Final

from attrs import field, frozen

from interpreterd.http.fields import environment, json_object, string
from interpreterd.model.digest import utf8_bytes
from interpreterd.model.errors import InvalidRequest, MalformedRequest
from interpreterd.model.requests import CWD_LIMIT_BYTES

SPEC_NAME: Final = "python3"
"""The name of the one kind of kernel, as of every Python kernel that Jupyter's users know."""
PREFIX: Final = "KERNEL_"  # of the variables that a gateway passes on; all others are the client's own
WORKING_DIR: Final = "KERNEL_WORKING_DIR"
TEXT_LIMIT_CHARS: Final = 1000
GATEWAY: Final = {"KERNEL_GATEWAY": "1"}


@frozen
class NewKernel:
    """A request for a kernel.

    Attributes:
        cwds: Where it may begin: in the first of these directories that exists, or else where the daemon's contexts do.
            Relative ones are below that place.
    """

    envs: Mapping[str, str] = field(repr=lambda envs: f"<{len(envs)} variables>")
    cwds: tuple[str, ...] = ()


def parse_new_kernel(value: object) -> NewKernel:
    """Return the request for a kernel: ``{name?, env?, path?}``; ``path`` is the notebook's, or its directory."""
    body = json_object(value, "the body", {"name", "env", "path"})
    name = string(body, "name")
    if name not in (None, "", SPEC_NAME):
        raise InvalidRequest(f"name must be {SPEC_NAME}: there is no kernel {str(name)[:100]}")
    envs = {key: item for key, item in environment(body, "env").items() if key.startswith(PREFIX)}
    path = string(body, "path") or ""
    return NewKernel({**envs, **GATEWAY}, _directories(path, envs.get(WORKING_DIR, "")))


def _directories(path: str, working_dir: str) -> tuple[str, ...]:
    """Return where a notebook's kernel may begin. A ``path`` of an API begins with a slash or not."""
    above = os.path.dirname(path)
    wanted = (path, above if above != "/" else "", working_dir, path.lstrip("/"), above.lstrip("/"))
    return tuple(dict.fromkeys(it for it in wanted if it and "\0" not in it and utf8_bytes(it) <= CWD_LIMIT_BYTES))


@frozen
class NewSession:
    """A request for a session, or for a change of one: None keeps what is there.

    Attributes:
        path: The document's; it also says where a new kernel begins.
        kernel_id: An existing kernel; None for a new one, if ``has_kernel``.
    """

    path: str | None
    name: str | None
    type: str | None
    kernel_id: str | None
    has_kernel: bool
    cwds: tuple[str, ...] = ()


def parse_session(value: object) -> NewSession:
    """Return the request for a session: ``{path?, name?, type?, kernel?: {id?, name?}}``."""
    body = json_object(value, "the body", {"path", "name", "type", "kernel", "notebook"})
    notebook = body.get("notebook", {})  # as old clients have it
    kernel = body.get("kernel", {})
    if not isinstance(notebook, dict) or not isinstance(kernel, dict):
        raise MalformedRequest("kernel and notebook must be objects")
    kernel = json_object(kernel, "kernel", {"id", "name"})
    name = string(kernel, "name")
    if name not in (None, "", SPEC_NAME):
        raise InvalidRequest(f"kernel.name must be {SPEC_NAME}: there is no kernel {str(name)[:100]}")
    texts = {key: string(body, key) for key in ("path", "name", "type")}
    if texts["path"] is None:
        texts["path"] = string(notebook, "path")
    for key, text in texts.items():
        if len(text or "") > TEXT_LIMIT_CHARS:
            raise InvalidRequest(f"{key} must be at most {TEXT_LIMIT_CHARS} characters long")
    cwds = _directories(texts["path"] or "", "")
    return NewSession(**texts, kernel_id=string(kernel, "id") or None, has_kernel=bool(kernel), cwds=cwds)
