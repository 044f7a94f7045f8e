"""The requests for forks, checkpoints and archives.

Most wait for the code that runs in the context, however long that takes, and so there is no limit of time.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from interpreterd.client.arguments import check, encode_request, quoted
from interpreterd.client.calls import check_not_nested
from interpreterd.client.core import ClientCore


async def ask_fork(
    core: ClientCore, context_id: str, count: int | None, options: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Fork a context; return the forks, each with ``notCarried`` and ``reseeded``."""
    answer = await _ask(core, context_id, "fork", {"count": count, **options})
    more = {key: answer.get(key, []) for key in ("notCarried", "reseeded")}
    return [{**data, **more} for data in answer["contexts"]]


async def ask_checkpoint(core: ClientCore, context_id: str, name: str | None) -> dict[str, Any]:
    """Keep a context as it is now; return the checkpoint."""
    return await _ask(core, context_id, "checkpoints", {"name": name})


async def ask_checkpoints(core: ClientCore, context_id: str) -> list[dict[str, Any]]:
    """Return the checkpoints of a context."""
    link = await core.open()
    return await link.request_all(_path(context_id, "checkpoints"), "checkpoints")


async def drop_checkpoint(core: ClientCore, context_id: str, checkpoint: str) -> None:
    """End a checkpoint, given by its id or name."""
    link = await core.open()
    await link.request("DELETE", f"{_path(context_id, 'checkpoints')}/{_word(checkpoint, 'checkpoint')}")


async def ask_restore(core: ClientCore, context_id: str, checkpoint: str) -> dict[str, Any]:
    """Let a context be as it was at a checkpoint; return the context."""
    return await _ask(core, context_id, "restore", {"checkpoint": checkpoint})


async def ask_undo(core: ClientCore, context_id: str) -> dict[str, Any]:
    """Let a context be as it was before its last execution; return the context."""
    return await _ask(core, context_id, "undo", {})


async def ask_archive(core: ClientCore, context_id: str, name: str | None) -> dict[str, Any]:
    """Save the variables of a context; return the archive."""
    return await _ask(core, context_id, "archive", {"name": name})


async def ask_hibernate(core: ClientCore, context_id: str) -> dict[str, Any]:
    """Save the variables of a context and end its Python; return the context."""
    return await _ask(core, context_id, "hibernate", {})


async def _ask(core: ClientCore, context_id: str, what: str, body: dict[str, Any]) -> dict[str, Any]:
    link = await core.open()
    check_not_nested(link.url, context_id)
    return await link.request("POST", _path(context_id, what), encode_request(body), waits=True)


def _path(context_id: str, what: str) -> str:
    return f"/context/{quoted(context_id)}/{what}"


def _word(text: str, name: str) -> str:
    if not isinstance(text, str):
        raise TypeError(f"{name} must be a string, not {type(text).__name__}")
    check(text, name)
    return quote(text, safe="")
