"""What a token of the role ``read`` gets for all that it may not do."""

from typing import NoReturn

from interpreterd.model.errors import Forbidden


def refuse() -> NoReturn:
    """Raise it."""
    raise Forbidden("the token may only read: its role is read")
