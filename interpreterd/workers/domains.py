"""The domains of Landlock in which isolated workers are: ``worker/parting.py`` says why a fork needs one of its own.

A domain cannot be left, and the kernel has a limit of domains below each other. A fork and its original each enter one
below that in which they were one process. A checkpoint stays where it was taken, and so does what is restored from it,
unless a fork has been made from there meanwhile: that would be below it.
"""

from typing import Final

from attrs import define

from interpreterd.model.state_errors import NotForkable

DOMAINS_LIMIT: Final = 16  # below each other: landlock(7)


@define(eq=False)
class Domain:
    """One of them.

    Attributes:
        depth: How many it is below, itself included.
        has_forks: Whether there are domains of forks below it.
    """

    depth: int = 1
    has_forks: bool = False

    def below(self) -> "Domain":
        """Return a new domain right below this one. Raises ``NotForkable``."""
        if self.depth >= DOMAINS_LIMIT:
            raise NotForkable(
                "the context cannot be forked any more: each fork of an isolated context is kept from its original by "
                f"one more domain of Landlock, and the kernel allows {DOMAINS_LIMIT} below each other"
            )
        return Domain(self.depth + 1)
