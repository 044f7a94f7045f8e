"""What this dialect remembers, for each application."""

from collections.abc import Mapping

from interpreterd.contexts.service import ContextService


class State:
    """What all handlers get.

    Attributes:
        service: The port.
        envs: Environment variables of all executions, of clients of this API.
    """

    def __init__(self, service: ContextService) -> None:
        """Begin without variables."""
        self.service = service
        self.envs: Mapping[str, str] = {}
