"""The context of those that name none: made by its first use, never deleted."""

from typing import Final

DEFAULT_CONTEXT_ID: Final = "default"
