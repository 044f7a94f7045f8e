"""Names that clients and the daemon share: the path of the native API, and the media types of answers."""

from typing import Final

NATIVE_PATH: Final = "/process/interpreter"
JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"
EVENT_STREAM: Final = "text/event-stream"
