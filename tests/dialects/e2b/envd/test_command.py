"""A command takes input piece by piece; its program is played by the test."""

import asyncio
import base64
from typing import Any

import pytest

from interpreterd.contexts.local import LocalContexts
from interpreterd.dialects.e2b.envd.command import INPUT_PIECE_BYTES, RETRIED_BYTES, Command, Spec
from interpreterd.dialects.e2b.envd.commands import RunningCommands
from interpreterd.dialects.e2b.envd.errors import EnvdRefused


async def begun(service: LocalContexts, play: Any) -> tuple[RunningCommands, Command, Any]:
    commands = RunningCommands(service)
    starting = asyncio.create_task(commands.start(Spec(command="cat", stdin=True)))
    player = await play()
    player.say("started 7")
    command = await starting
    commands.begin(command)
    await player.worker.told()
    return commands, command, player


def given(instruction: str | None) -> bytes:
    assert instruction is not None
    what, data = instruction.split(" ")
    assert what == "input"
    return base64.b64decode(data)


async def test_what_it_does_not_take_is_given_again_and_a_signal_comes_first(service: LocalContexts, play: Any) -> None:
    commands, command, player = await begun(service, play)
    data = bytes(range(256)) * 1024
    writing = asyncio.create_task(command.write(data))
    assert given(await player.ask("")) == data[:INPUT_PIECE_BYTES]
    signalling = asyncio.create_task(command.send("signal 15"))
    await asyncio.sleep(0)  # it waits for its turn
    assert await player.ask("took 1000") == "signal 15"
    await asyncio.sleep(0)
    assert given(await player.ask("")) == data[1000 : 1000 + INPUT_PIECE_BYTES]
    await signalling
    assert given(await player.ask("took 0")) == data[1000 : 1000 + RETRIED_BYTES]
    rest = given(await player.ask(""))
    assert rest == data[1000 + RETRIED_BYTES :][:INPUT_PIECE_BYTES]
    assert given(await player.ask("")) == data[1000 + RETRIED_BYTES + len(rest) :]
    player.say("")
    await writing
    player.worker.done(player.run)
    await commands.close()


@pytest.mark.parametrize("said", ["took", "took ²", "took -1", "no room"])
async def test_input_that_fails_says_why(service: LocalContexts, play: Any, said: str) -> None:
    commands, command, player = await begun(service, play)
    writing = asyncio.create_task(command.write(b"hi"))
    assert given(await player.ask("")) == b"hi"
    player.say(said)
    with pytest.raises(EnvdRefused, match=f"^{said}$"):
        await writing
    player.worker.done(player.run)
    await commands.close()


def test_the_code_of_a_command_cannot_be_more_than_its_values() -> None:
    odd = "'\"\\\n\udcff)+(ä😀"
    code = Spec(command=odd, arguments=[odd], envs={odd: odd}, cwd=odd, stdin=True, size=(1, 2)).code()
    call = code.rpartition("\nrun(")[2]
    assert call.isascii()
    assert eval(f"dict(it=[{call.partition(', stdin=')[0]}])", {})["it"] == [odd, [odd], {odd: odd}, odd]
