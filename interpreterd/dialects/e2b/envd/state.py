"""What this part of the dialect keeps of one daemon: helpers, commands, watches."""

import pwd
from os import geteuid

from interpreterd.contexts.service import ContextService
from interpreterd.dialects.e2b.envd.commands import RunningCommands
from interpreterd.dialects.e2b.envd.errors import EnvdRefused
from interpreterd.dialects.e2b.envd.helpers import Helpers
from interpreterd.dialects.e2b.envd.watches import Watches

E2B_USER = "user"
"""E2B's own user, and here another name for the one that the daemon has."""


class Envd:
    """See the module."""

    def __init__(self, service: ContextService) -> None:
        self.helpers = Helpers(service)
        self.commands = RunningCommands(service)
        self.watches = Watches(service)


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
