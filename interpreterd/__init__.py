"""A daemon that runs Python for others: many isolated, stateful contexts over REST and WebSocket."""

from interpreterd._version import version as __version__

__all__ = ["__version__"]
