"""Names that clients and the daemon share: the path of the native API, and the media types of answers."""

from typing import Final

NATIVE_PATH: Final = "/process/interpreter"
JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"
EVENT_STREAM: Final = "text/event-stream"
METRICS_PATH: Final = "/metrics"
HEALTH_PATH: Final = "/health"
HEALTH_PATHS: Final = (HEALTH_PATH, "/health/live", "/health/ready")
"""Below any base path; answered even when there is no room for other requests, and needed by supervisors."""
