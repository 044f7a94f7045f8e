"""FairTurns are shared between tenants, one after the other."""

import asyncio
import contextlib

import pytest
from fake_worker import FakeLauncher
from open_context import execute, open_context

from interpreterd.contexts.turns import FairTurns, RunningTurn
from interpreterd.model.accounts import Account
from interpreterd.model.rules import Quotas, Rules


class Taker:
    """Writes its name down when it begins."""

    def __init__(self, name: str, account: Account, begun: list[str], *, wants: bool = True) -> None:
        self.account = account
        self._name, self._begun, self._wants = name, begun, wants

    def begin(self) -> bool:
        if self._wants:
            self._begun.append(self._name)
        return self._wants


A, B, C = Account("a"), Account("b"), Account("c")


async def dealt() -> None:
    """Let a dealing that is due happen."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_tenants_that_wait_get_free_turns_in_rotation_however_many_they_wait_for() -> None:
    turns, begun = FairTurns(1), list[str]()
    assert turns.ask(Taker("first", A, begun))
    for number in range(5):
        assert not turns.ask(Taker(f"a{number}", A, begun))
    for account in (B, C):
        for number in range(2):
            assert not turns.ask(Taker(f"{account.tenant}{number}", account, begun))
    running = A
    for _ in range(9):
        turns.give_back(running)
        await dealt()
        running = {"a": A, "b": B, "c": C}[begun[-1][0]]
    assert begun == ["a0", "b0", "c0", "a1", "b1", "c1", "a2", "a3", "a4"]
    turns.give_back(running)
    assert turns.taken == 0


async def test_a_tenant_at_its_own_limit_waits_and_delays_no_other() -> None:
    turns, begun = FairTurns(None, lambda account: 1 if account is A else None), list[str]()
    assert turns.ask(Taker("x", A, begun))
    assert not turns.ask(Taker("a", A, begun))
    assert turns.ask(Taker("b", B, begun))
    assert turns.ask(Taker("b", B, begun))
    turns.give_back(B)
    await dealt()
    assert begun == []
    turns.give_back(A)
    await dealt()
    assert begun == ["a"]


async def test_a_turn_that_is_no_longer_wanted_goes_to_the_next() -> None:
    turns, begun = FairTurns(1), list[str]()
    gone = Taker("gone", A, begun)
    assert turns.ask(Taker("x", A, begun))
    for taker in (gone, Taker("unwilling", A, begun, wants=False), Taker("b", B, begun)):
        turns.ask(taker)
    turns.forget(gone)
    turns.forget(gone)
    turns.give_back(A)
    await dealt()
    await dealt()
    assert begun == ["b"]
    assert turns.taken == 1


async def test_a_block_has_a_turn_and_one_that_is_cancelled_leaves_none_behind() -> None:
    turns = FairTurns(1)
    entered = asyncio.Event()

    async def hold() -> None:
        async with turns.turn(A):
            entered.set()

    async with turns.turn(B):
        waiting, other = asyncio.create_task(hold()), asyncio.create_task(hold())
        await dealt()
        assert not entered.is_set()
        waiting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await waiting
    await other
    assert entered.is_set()
    assert turns.taken == 0


async def test_a_block_that_is_cancelled_with_its_turn_in_hand_gives_it_back() -> None:
    turns = FairTurns(1)

    async def hold() -> None:
        async with turns.turn(A):
            raise AssertionError("it was cancelled before")

    async with turns.turn(B):
        waiting = asyncio.create_task(hold())
        await dealt()
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert turns.taken == 0


async def test_a_context_gives_its_turn_back_at_the_end_of_each_execution_and_at_its_own() -> None:
    turns, launcher = FairTurns(1), FakeLauncher()
    async with open_context(launcher) as context:
        context._turn = turn = RunningTurn(turns, context.account, context._take_turn)
        context._machine._actions._may_begin = turn.ask
        blocker = Taker("x", B, [])
        assert turns.ask(blocker)
        first, second = (context.submit(execute()) for _ in range(2))
        await context.start()
        assert (context.info().state, context.info().queued) == ("busy", 2)
        turns.give_back(B)
        await dealt()
        assert context.transcript.runs(first.id)
        assert turns.taken == 1
        assert not context.transcript.runs(second.id)
        turn.ask()
    assert turns.taken == 0


def test_a_tenants_own_limit_is_in_its_rules() -> None:
    account = Account("a", rules=Rules(quotas=Quotas(running=2)))
    assert account.rules.quotas.running == 2
