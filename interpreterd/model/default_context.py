"""The context of requests that name none: its first use makes it, and clients cannot delete it.

Each tenant has one of its own. Its clients know it as ``default``; within the daemon it has an id of its own.
"""

from typing import Final

DEFAULT_CONTEXT_ID: Final = "default"
_OF: Final = DEFAULT_CONTEXT_ID + "@"


def default_of(tenant: str) -> str:
    """Return the id of a tenant's default context within the daemon; for no tenant, that of the daemon's own."""
    return _OF + tenant if tenant else DEFAULT_CONTEXT_ID


def shown_id(context_id: str) -> str:
    """Return the id of a context as clients of its tenant know it."""
    return DEFAULT_CONTEXT_ID if context_id.startswith(_OF) else context_id
