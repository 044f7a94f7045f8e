"""A daemon that runs Python code for other programs: many isolated, stateful contexts over REST and WebSocket."""

try:
    from interpreterd._version import version as __version__
except ModuleNotFoundError:  # a checkout that was never installed: an installation or a build writes the file
    __version__ = "0.0+unknown"

__all__ = ["__version__"]
