"""The media type of a file, by its name."""

import functools
import mimetypes
from collections.abc import Mapping
from typing import Final

from interpreterd.model.names import NDJSON

UNKNOWN: Final = "application/octet-stream"
# Which Python's own table lacks, at least in an older version.
_MORE: Final[Mapping[str, str]] = {
    ".arrow": "application/vnd.apache.arrow.file",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".feather": "application/vnd.apache.arrow.file",
    ".geojson": "application/geo+json",
    ".ipynb": "application/x-ipynb+json",
    ".js": "text/javascript",
    ".jsonl": NDJSON,
    ".mjs": "text/javascript",
    ".log": "text/plain",
    ".md": "text/markdown",
    ".ndjson": NDJSON,
    ".parquet": "application/vnd.apache.parquet",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".sqlite": "application/vnd.sqlite3",
    ".toml": "application/toml",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
}
_COMPRESSED: Final[Mapping[str, str]] = {
    "gzip": "application/gzip",
    "bzip2": "application/x-bzip2",
    "xz": "application/x-xz",
    "br": "application/x-brotli",
    "compress": "application/x-compress",
}


def mime_type(path: str) -> str:
    """Return the media type of a file; of a compressed one, that of the compression."""
    name = path.rpartition("/")[2]
    # Not the path: as a URL it could have a scheme.
    kind, encoding = _table().guess_type(f"./{name}")
    if encoding is not None:
        return _COMPRESSED.get(encoding, UNKNOWN)
    return kind or UNKNOWN


@functools.cache
def _table() -> mimetypes.MimeTypes:
    """Return Python's own table with ``_MORE``; unlike the module's functions it does not depend on the machine."""
    table = mimetypes.MimeTypes(())
    for ending, kind in _MORE.items():
        table.add_type(kind, ending)
    return table
