"""FairTurns: how many executions run, and how many workers start, at the same time; tenants share them fairly.

While there is room, nothing waits. When there is none, each tenant that waits gets the next free turn in rotation, one
after the other, however many of its own wait: a tenant that sends a thousand executions delays others by one of them.
With one tenant the order is that of arrival.
"""

import asyncio
import contextlib
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from typing import Final, Protocol

from attrs import frozen

from interpreterd.model.accounts import Account


class Taker(Protocol):
    """Something that waits for a turn."""

    @property
    def account(self) -> Account: ...
    def begin(self) -> bool:
        """Take the turn now; return False if it is no longer wanted."""


class FairTurns:
    """A number of turns. Who has taken one gives it back."""

    def __init__(self, limit: int | None, of_tenant: Callable[[Account], int | None] = lambda _: None) -> None:
        """Have ``limit`` turns, and of these at most ``of_tenant`` for one tenant; None for any number."""
        self.limit = limit
        self._of_tenant = of_tenant
        self._taken = 0
        self._of: dict[Account, int] = {}
        self._waiting: OrderedDict[Account, deque[Taker]] = OrderedDict()  # the tenant that is next comes first
        self._dealing: asyncio.Handle | None = None

    @property
    def taken(self) -> int:
        """How many are taken."""
        return self._taken

    def ask(self, taker: Taker) -> bool:
        """Take a turn for ``taker``, and return True; or call its ``begin`` later. It does not wait already."""
        account = taker.account
        if self._dealing is None and account not in self._waiting and self._has_room(account):
            self._take(account)
            return True
        self._waiting.setdefault(account, deque()).append(taker)
        return False

    def give_back(self, account: Account) -> None:
        """Give a turn back."""
        self._taken -= 1
        left = self._of[account] - 1
        if left:
            self._of[account] = left
        else:
            del self._of[account]
        if self._waiting and self._dealing is None:
            self._dealing = asyncio.get_running_loop().call_soon(self._deal)

    def forget(self, taker: Taker) -> None:
        """Let ``taker`` wait no more."""
        waiting = self._waiting.get(taker.account)
        if waiting is not None and taker in waiting:
            waiting.remove(taker)
            if not waiting:
                del self._waiting[taker.account]

    def _has_room(self, account: Account) -> bool:
        of_tenant = self._of_tenant(account)
        return (self.limit is None or self._taken < self.limit) and (
            of_tenant is None or self._of.get(account, 0) < of_tenant
        )

    def _take(self, account: Account) -> None:
        self._taken += 1
        self._of[account] = self._of.get(account, 0) + 1

    def _deal(self) -> None:
        """Give free turns to those that wait, to one of each tenant after the other."""
        self._dealing = None
        passed = 0  # tenants without room, one after the other
        while self._waiting and passed < len(self._waiting):
            account, waiting = next(iter(self._waiting.items()))
            self._waiting.move_to_end(account)
            if not self._has_room(account):
                passed += 1
                continue
            passed = 0
            taker = waiting.popleft()
            if not waiting:
                del self._waiting[account]
            self._take(account)
            if not taker.begin():
                self.give_back(account)

    @contextlib.asynccontextmanager
    async def turn(self, account: Account) -> AsyncIterator[None]:
        """Have a turn within the block."""
        taker = _Awaited(account)
        if not self.ask(taker):
            try:
                await taker.given
            except BaseException:
                self.forget(taker)
                if taker.given.done() and not taker.given.cancelled():
                    self.give_back(account)
                raise
        try:
            yield
        finally:
            self.give_back(account)


class _Awaited:
    """A taker that is awaited."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.given: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def begin(self) -> bool:
        if self.given.done():
            return False
        self.given.set_result(None)
        return True


class RunningTurn:
    """The turn of one context, whose machine asks for it before each execution."""

    def __init__(self, turns: FairTurns, account: Account, begin: Callable[[], bool]) -> None:
        """``begin`` lets the machine run its next execution, and returns whether it does."""
        self.account = account
        self._turns = turns
        self._begin = begin
        self._waits = False
        self._has = False

    def ask(self) -> bool:
        """Take a turn, and return True; or wait for one. Repeating it changes nothing."""
        if not (self._has or self._waits):
            self._has = self._turns.ask(self)
            self._waits = not self._has
        return self._has

    def begin(self) -> bool:
        """See ``Taker``."""
        self._waits = False
        self._has = True  # before the execution begins: it may end at once
        if not self._begin():
            self._has = False
            return False
        return True

    def end(self) -> None:
        """The execution has ended."""
        if self._has:
            self._has = False
            self._turns.give_back(self.account)

    def close(self) -> None:
        """The context ends."""
        self._turns.forget(self)
        self._waits = False
        self.end()


@frozen
class TenantShares:
    """What tenants share, in turns; None: without turns."""

    running: FairTurns | None = None
    starting: FairTurns | None = None


NO_SHARES: Final = TenantShares()
