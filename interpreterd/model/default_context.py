"""The context of requests that name none: its first use makes it, and it is never deleted."""

from typing import Final

DEFAULT_CONTEXT_ID: Final = "default"
