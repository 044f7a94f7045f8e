"""Answers to calls of host functions that the daemon does not take, or that are lost on their way."""

import asyncio
from typing import Any

import pytest
from proxy import Lose, proxy

from interpreterd.client import AsyncInterpreter, ConnectionLost, LimitReached, Refused
from interpreterd.client.calls import REFUSALS_LIMIT, HostCalls
from interpreterd.client.errors import UnexpectedAnswer
from interpreterd.model.displays import Json
from interpreterd.model.functions import FunctionCall

CALL = FunctionCall(call_id="0", name="find", args=Json("[]"), kwargs=Json("{}"))
FULL = LimitReached("full", "limit_reached", 503)
VALUE = b'"value":42}'
REFUSED = b'"error":{"name":"ValueError","value":"the answer of find() was refused: %b"}}'


async def sent(monkeypatch: pytest.MonkeyPatch, *troubles: Exception) -> list[bytes]:
    """Return the answers that are sent for one call, if the first sendings raise ``troubles``."""
    monkeypatch.setattr("interpreterd.client.calls.FIRST_PAUSE_S", 0)
    answers: list[bytes] = []
    raising = iter(troubles)

    async def send(call_id: str, answer: bytes) -> None:
        answers.append(answer)
        for trouble in raising:
            raise trouble

    calls = HostCalls({"find": lambda: 42}, "http://nowhere", "default", send)
    calls.begin(CALL)
    await asyncio.gather(*calls._running.values())
    await calls.close()
    return answers


async def test_an_answer_is_sent_again_if_it_may_pass_later(monkeypatch: pytest.MonkeyPatch) -> None:
    troubles = [FULL, ConnectionLost("gone"), UnexpectedAnswer("a proxy", 502), Refused("many", "other", 429)]
    assert await sent(monkeypatch, *troubles) == [VALUE] * 5


async def test_an_answer_that_is_refused_is_an_error_in_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    large = Refused("too large", "body_too_large", 413)
    assert await sent(monkeypatch, large) == [VALUE, REFUSED % b"too large"]
    assert await sent(monkeypatch, large, FULL) == [VALUE, REFUSED % b"too large"], "nothing else can be said"
    assert await sent(monkeypatch, *[FULL] * REFUSALS_LIMIT) == [VALUE] * REFUSALS_LIMIT + [REFUSED % b"full"]


async def test_nothing_more_is_sent_to_an_execution_that_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await sent(monkeypatch, Refused("who?", "execution_not_found", 404)) == [VALUE]


async def test_an_answer_that_is_larger_than_bodies_may_be_raises_in_the_code(standing: Any) -> None:
    url = standing("--body-limit-bytes", "300000").url
    for session in (False, True):
        async with AsyncInterpreter(url, session=session) as py:
            code = "try: large()\nexcept ValueError as error: print(error)"
            execution = await py.execute(code, functions={"large": lambda: "x" * 400_000})
            assert "the answer of large() was refused: " in execution.stdout


async def test_an_answer_that_is_lost_with_its_session_is_sent_again(url: str) -> None:
    async with proxy(url) as through, AsyncInterpreter(through.url, session=True) as py:
        lose = asyncio.Event()
        through.plans.append(Lose(lose))

        async def answer() -> int:
            lose.set()
            return 42

        assert (await py.execute("print(await answer())", functions=[answer])).stdout == "42\n"
        assert through.connections > 1, "the first one has ended"


async def test_a_session_tells_when_the_daemon_refuses_an_answer(url: str) -> None:
    async with AsyncInterpreter(url, session=True) as py:
        execution = await py.begin("1")
        await execution.fill()
        channel: Any = py._core._channel
        with pytest.raises(Refused) as caught:
            await channel.answer_call(execution.id, "nonsense", b'"value":1}')
        assert caught.value.code == "call_not_found"
        await execution.close()
        assert not channel._feeds
