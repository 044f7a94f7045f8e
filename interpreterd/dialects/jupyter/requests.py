"""Bodies of clients' requests about kernels, checked at the edge; unknown keys are ignored, null means absent."""

import os
from collections.abc import Mapping
from typing import Final

from attrs import field, frozen

from interpreterd.http.fields import environment, json_object, string
from interpreterd.model.digest import utf8_bytes
from interpreterd.model.errors import InvalidRequest
from interpreterd.model.requests import CWD_LIMIT_BYTES

SPEC_NAME: Final = "python3"
"""The name of the one kind of kernel, as of every Python kernel that Jupyter's users know."""
PREFIX: Final = "KERNEL_"  # of the variables that a gateway passes on; all others are the client's own
WORKING_DIR: Final = "KERNEL_WORKING_DIR"
GATEWAY: Final = {"KERNEL_GATEWAY": "1"}


@frozen
class NewKernel:
    """A request for a kernel.

    Attributes:
        cwds: Where it may begin: in the first of these directories that exists, or else where the daemon's contexts do.
    """

    envs: Mapping[str, str] = field(repr=lambda envs: f"<{len(envs)} variables>")
    cwds: tuple[str, ...] = ()


def parse_new_kernel(value: object) -> NewKernel:
    """Return the request for a kernel: ``{name?, env?, path?}``.

    ``path`` is the notebook's, or its directory. Only absolute paths can be meant for this machine.
    """
    body = json_object(value, "the body", {"name", "env", "path"})
    name = string(body, "name")
    if name not in (None, "", SPEC_NAME):
        raise InvalidRequest(f"name must be {SPEC_NAME}: there is no kernel {str(name)[:100]}")
    envs = {key: item for key, item in environment(body, "env").items() if key.startswith(PREFIX)}
    path = string(body, "path") or ""
    above = os.path.dirname(path)
    wanted = (path, above if above != "/" else "", envs.get(WORKING_DIR, ""))
    cwds = tuple(it for it in wanted if os.path.isabs(it) and "\0" not in it and utf8_bytes(it) <= CWD_LIMIT_BYTES)
    return NewKernel({**envs, **GATEWAY}, cwds)
