"""What the daemon says of forks, checkpoints and archives, from its JSON; PROTOCOL.md has it."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from interpreterd.model.archives import Skipped
from interpreterd.model.losses import Lost


def parse_lost(items: Iterable[Mapping[str, Any]]) -> tuple[Lost, ...]:
    """Return what a copy of a context does not have of it."""
    return tuple(Lost(it["kind"], it["name"]) for it in items)


def parse_skipped(items: Iterable[Mapping[str, Any]]) -> tuple[Skipped, ...]:
    """Return the variables that an archive does not have, each with the reason."""
    return tuple(Skipped(it["name"], it["reason"]) for it in items)


class SavedData:
    """What a checkpoint and an archive have in common. ``it["…"]`` is a value of the daemon's JSON, as ``data`` is."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = dict(data)

    def __getitem__(self, key: str) -> Any:
        """Return a value of the daemon's JSON; raise KeyError for a key that it does not have."""
        return self.data[key]

    def __repr__(self) -> str:
        """Name it."""
        return f"{type(self).__name__}({self.id!r}, name={self.name!r})"

    @property
    def id(self) -> str:
        """Its id."""
        return str(self.data["id"])

    @property
    def name(self) -> str:
        """Its name, as it was given; may be empty."""
        return str(self.data["name"])

    @property
    def created_at(self) -> datetime:
        """When it was made, in UTC."""
        return datetime.fromisoformat(self.data["createdAt"])


class CheckpointData(SavedData):
    """A checkpoint as the daemon described it."""

    @property
    def memory_bytes(self) -> int | None:
        """The memory that it shares with no other process; None if it was not measured.

        It grows as the context changes what they shared.
        """
        size: int | None = self.data["memoryBytes"]
        return size

    @property
    def automatic(self) -> bool:
        """Whether an execution with ``checkpoint=True`` has made it. The oldest of these gives way to new ones."""
        return bool(self.data["automatic"])

    @property
    def not_carried(self) -> tuple[Lost, ...]:
        """What was in the context, such as threads and sockets, and is not in the checkpoint."""
        return parse_lost(self.data["notCarried"])


class Archive(SavedData):
    """Variables on the daemon's disk, as the daemon described them. It does not change."""

    @property
    def id(self) -> str:
        """Its id, for ``load``, and for the other methods of a client that take an archive."""
        return str(self.data["archiveId"])

    @property
    def bytes(self) -> int:
        """The size of its file."""
        return int(self.data["bytes"])

    @property
    def saved(self) -> tuple[str, ...]:
        """The names of the variables that it has."""
        return tuple(self.data["saved"])

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """The variables that it does not have, each with its ``name`` and a ``reason``, and the way out."""
        return parse_skipped(self.data["skipped"])

    @property
    def python(self) -> str:
        """The version of the Python that made it. Only the same minor version can load it."""
        return str(self.data["python"])

    @property
    def context_id(self) -> str:
        """The context whose variables these were."""
        return str(self.data["contextId"])
