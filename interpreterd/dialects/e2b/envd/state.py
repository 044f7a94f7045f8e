"""What this part of the dialect keeps of one daemon: helpers, commands, watches."""

import asyncio
import pwd
from os import geteuid

from interpreterd.contexts.service import ContextService
from interpreterd.dialects.e2b.envd.commands import RunningCommands
from interpreterd.dialects.e2b.envd.errors import EnvdRefused
from interpreterd.dialects.e2b.envd.helpers import Helpers
from interpreterd.dialects.e2b.envd.watches import Watches

SANDBOX_END_S = 1.0
"""A client that does not read keeps the end of its command from being told, until its connection ends."""
E2B_USER = "user"
"""E2B's own user, and here another name for the one that the daemon has."""


class Envd:
    """See the module."""

    def __init__(self, service: ContextService) -> None:
        self.helpers = Helpers(service)
        self.commands = RunningCommands(service)
        self.watches = Watches(service)

    async def close(self) -> None:
        """Wait for what is under way, when all contexts have been told to end; not longer than ``SANDBOX_END_S``."""
        ends = asyncio.gather(self.commands.close(), self.watches.close())
        await asyncio.wait([ends], timeout=SANDBOX_END_S)


def check_user(name: str) -> None:
    """Raise ``EnvdRefused`` unless ``name`` is that of the user whose rights all have here, or empty."""
    if name in ("", E2B_USER):
        return
    try:
        own = pwd.getpwuid(geteuid()).pw_name
    except KeyError:
        own = str(geteuid())
    if name != own:
        raise EnvdRefused(
            "unauthenticated", f"user must be {own}, whose rights commands and files have here, or absent"
        )
