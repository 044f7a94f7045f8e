"""Forks of contexts: requests for them, and what they leave behind."""

from collections.abc import Mapping
from typing import Final, Literal

from attrs import frozen

from interpreterd.model.context_info import ContextInfo
from interpreterd.model.losses import Lost as Lost

COPIES_LIMIT: Final = 64

ForkDirectory = Literal["same", "copy"]


@frozen(kw_only=True)
class ForkContext:
    """Make copies of a context.

    Attributes:
        count: From 1 to ``COPIES_LIMIT``.
        metadata: Of the copies; None for the original's.
        cwd: ``same`` to share the directory with the original, ``copy`` for a copy of it.
        strict: Whether to refuse if the copies would lose anything.
    """

    count: int = 1
    metadata: Mapping[str, str] | None = None
    cwd: ForkDirectory = "same"
    strict: bool = False


@frozen(kw_only=True)
class ForkInfo:
    """The result of a fork.

    Attributes:
        contexts: The copies.
        lost: What they do not have of the original.
        reseeded: The sources of random numbers that they have seeded anew.
    """

    contexts: tuple[ContextInfo, ...]
    lost: tuple[Lost, ...] = ()
    reseeded: tuple[str, ...] = ()
