"""The one sandbox that the daemon is, for E2B's clients."""

from collections.abc import Mapping

from interpreterd.contexts.service import ContextService


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
