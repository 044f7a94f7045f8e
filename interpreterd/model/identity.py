"""The identity of a request: found once, by its token, and carried along with its task."""

from contextvars import ContextVar
from typing import Final, Literal

from attrs import frozen

Role = Literal["admin", "tenant", "read"]
ROLES: Final[tuple[Role, ...]] = ("admin", "tenant", "read")


@frozen(kw_only=True)
class Identity:
    """The tenant that a request is from, and what it may do.

    Attributes:
        tenant: The tenant whose contexts it uses. Empty for the daemon's own: those of a daemon without tokens, and of
            tokens that name no tenant.
        role: ``admin`` may do everything, ``tenant`` everything with its tenant's contexts, ``read`` only look at them.
        token: The id of its token, which is no secret; empty without one.
        sees_all: Whether it sees the contexts of all tenants.
    """

    tenant: str = ""
    role: Role = "admin"
    token: str = ""
    sees_all: bool = True


NOBODY_ASKED: Final = Identity()
"""The identity of every request to a daemon without tokens."""
CURRENT: Final[ContextVar[Identity]] = ContextVar("identity", default=NOBODY_ASKED)
"""For logs and figures only. What a request may do depends on the service that its handler gets, not on this."""
