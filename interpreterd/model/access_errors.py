"""The errors of access: who a client is, and how much its tenant may use. ``errors`` has the tree of all errors."""

from interpreterd.model.errors import InterpreterError, LimitReached


class Unauthorized(InterpreterError):
    """The request has no token, or none that the daemon knows."""

    code = "unauthorized"

    def __init__(self, why: str = "a token is needed: send it as `Authorization: Bearer TOKEN`") -> None:
        super().__init__(why)


class TooManyAttempts(Unauthorized):
    """Too many requests with wrong tokens have come from one address.

    Attributes:
        retry_after_s: When the next one is looked at.
    """

    code = "too_many_attempts"

    def __init__(self, retry_after_s: int) -> None:
        super().__init__("too many requests with wrong tokens have come from this address")
        self.retry_after_s = retry_after_s


class QuotaReached(LimitReached):
    """A limit of the client's tenant is reached; names the limit and its value. Other tenants have room."""

    code = "quota_reached"


class AuditUnavailable(LimitReached):
    """The audit log cannot be written, so nothing may begin that it would have to tell of."""

    code = "audit_unavailable"

    def __init__(self) -> None:
        super().__init__("the audit log cannot be written; no new work is taken until it can")
