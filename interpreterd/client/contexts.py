"""The parts of a context that both faces of the client share."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from interpreterd.client.state import parse_lost, parse_skipped
from interpreterd.model.archives import Skipped
from interpreterd.model.losses import Lost


class ContextData:
    """A context as the daemon described it. It does not change; ``get_context`` asks the daemon again.

    ``context["createdAt"]`` and so on are the values of the daemon's JSON; PROTOCOL.md lists its keys.
    """

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = dict(data)

    def __getitem__(self, key: str) -> Any:
        """Return a value of the daemon's JSON; raise KeyError for a key that it does not have."""
        return self.data[key]

    def __repr__(self) -> str:
        """Name it."""
        return f"{type(self).__name__}({self.id!r}, cwd={self.cwd!r})"

    @property
    def id(self) -> str:
        """Its id, for ``context_id``."""
        return str(self.data["id"])

    @property
    def cwd(self) -> str:
        """The directory in which it began."""
        return str(self.data["cwd"])

    @property
    def language(self) -> str:
        """``python``."""
        return str(self.data["language"])

    @property
    def created_at(self) -> datetime:
        """When it was made, in UTC."""
        return datetime.fromisoformat(self.data["createdAt"])

    @property
    def active(self) -> bool:
        """Whether its Python runs; if not, the next execution starts a new one."""
        return bool(self.data["active"])

    @property
    def persistent(self) -> bool:
        """Whether it outlives the daemon."""
        return bool(self.data.get("persistent"))

    @property
    def forked_from(self) -> str | None:
        """The id of the context of which it is a fork, or None."""
        return self.data.get("forkedFrom")

    @property
    def not_carried(self) -> tuple[Lost, ...]:
        """What the original had, such as threads, sockets and children, and a fork cannot have; known from ``fork``."""
        return parse_lost(self.data.get("notCarried") or ())

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """The variables that its archive does not have, each with the reason; known from ``load``."""
        return parse_skipped((self.data.get("restored") or {}).get("skipped") or ())
