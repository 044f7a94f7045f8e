"""A daemon that runs Python for others: many isolated, stateful contexts over REST and WebSocket."""

try:
    from interpreterd._version import version as __version__
except ModuleNotFoundError:  # a checkout that was never installed: the file is written by an installation or a build
    __version__ = "0.0+unknown"

__all__ = ["__version__"]
