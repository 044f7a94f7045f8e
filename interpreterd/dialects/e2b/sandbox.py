"""The one sandbox that the daemon is, for E2B's clients."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from interpreterd.contexts.service import ContextService

if TYPE_CHECKING:
    from interpreterd.dialects.e2b.envd.state import Envd


class Sandbox:
    """What all handlers get.

    Attributes:
        service: The port.
        envs: Environment variables of all executions, of clients of this API.
    """

    def __init__(self, service: ContextService) -> None:
        """Begin without variables."""
        self.service = service
        self.envs: Mapping[str, str] = {}

    @cached_property
    def envd(self) -> Envd:
        """What the part for files and commands keeps."""
        from interpreterd.dialects.e2b.envd.state import Envd  # clients that only run code do not need it

        return Envd(self.service)

    async def close(self) -> None:
        """Wait for the ends of commands and watches, when all contexts have been told to end."""
        if "envd" in self.__dict__:  # a client has used it
            await self.envd.close()
