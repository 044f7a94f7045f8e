"""A range of users: the value of ``--isolation-uids``. Without further imports, for the settings."""

import re
from typing import Final

from attrs import frozen

_LAST: Final = (1 << 32) - 2  # -1 means nobody in system calls


@frozen(repr=False)
class UserRange:
    """Users from ``first`` to ``last``, both included."""

    first: int
    last: int

    def __contains__(self, user: object) -> bool:
        return isinstance(user, int) and self.first <= user <= self.last

    def __len__(self) -> int:
        return self.last - self.first + 1

    def __repr__(self) -> str:
        return f"{self.first}-{self.last}"


def user_range(text: str) -> UserRange | None:
    """Return the range in ``text``, None for the empty text: a kind of settings."""
    if not text.strip():
        return None
    found = re.fullmatch(r"\s*([0-9]{1,10})\s*-\s*([0-9]{1,10})\s*", text, re.ASCII)
    first, last = map(int, found.groups()) if found else (0, 0)
    if not 0 < first <= last <= _LAST:
        raise ValueError(f"must be FIRST-LAST, two numbers of users from 1 to {_LAST}, for example 100000-165535")
    return UserRange(first, last)
