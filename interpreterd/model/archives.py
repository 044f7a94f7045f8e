"""Archives of namespaces, as clients see them."""

from typing import Final

from attrs import frozen

ARCHIVE_NAME_LIMIT_CHARS: Final = 256


@frozen
class Skipped:
    """A variable that an archive does not have, and the reason, with the way out."""

    name: str
    reason: str


@frozen(kw_only=True)
class ArchiveInfo:
    """A namespace on disk.

    Attributes:
        name: The client's; empty without one. Several archives may have it: the latest counts.
        created_at: In seconds since the epoch.
        size_bytes: Of its file.
        content_bytes: Of what is in it, as its worker wrote it; the file may be smaller, as it may be compressed.
        saved: The names of its variables.
        omitted: How many more names were saved or left out than these lists have.
        modules: The modules that loading it imports.
        python: The version of the Python that made it; only the same minor version can load it.
        implementation: Of that Python, as ``sys.implementation`` names it; likewise.
        context_id: The context that it is of.
        tenant: Whose it is; None for clients that are not told.
    """

    id: str
    name: str = ""
    created_at: float
    size_bytes: int = 0
    content_bytes: int = 0
    saved: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    omitted: int = 0
    modules: tuple[str, ...] = ()
    python: str = ""
    implementation: str = ""
    context_id: str = ""
    tenant: str | None = None


@frozen(kw_only=True)
class LoadInfo:
    """What a context has got from an archive: the names of its variables, and those that are missing.

    Attributes:
        omitted: How many more names there are than these lists have.
    """

    archive_id: str
    saved: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    omitted: int = 0
