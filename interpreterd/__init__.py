"""A daemon that runs Python for others: many isolated, stateful contexts over REST and WebSocket."""

from typing import Final

__version__: Final = "0.1.0"
