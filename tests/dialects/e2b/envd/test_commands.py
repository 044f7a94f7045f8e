"""RunningCommands have a context each; their program is played by the test."""

import asyncio
import contextlib
from typing import Any

import pytest
from fake_worker import FakeLauncher

from interpreterd.contexts.local import LocalContexts
from interpreterd.dialects.e2b.envd.command import Command, End, Spec, Written
from interpreterd.dialects.e2b.envd.commands import RunningCommands
from interpreterd.dialects.e2b.envd.errors import EnvdRefused
from interpreterd.model.errors import ContextDeleted, InvalidRequest
from interpreterd.model.events import Failure, Stream

SPEC = Spec(command="/bin/sh", arguments=["-c", "true"], tag="t")


async def started(
    service: LocalContexts, play: Any, spec: Spec = SPEC, pid: int = 7
) -> tuple[RunningCommands, Command, Any]:
    commands = RunningCommands(service)
    starting = asyncio.create_task(commands.start(spec))
    player = await play()
    player.say(f"started {pid}")
    return commands, await starting, player


async def told(command: Command) -> list[Any]:
    return [event async for event in command.followers.add().events(None)]


def exit_of(value: str) -> Failure:
    return Failure(name="SystemExit", value=value)


async def test_a_command_from_start_to_end(service: LocalContexts, play: Any) -> None:
    commands, command, player = await started(service, play)
    assert command.pid == 7
    assert commands.running() == [command] == [commands.find(pid=7)] == [commands.find(tag="t")]
    reading = asyncio.create_task(told(command))
    await asyncio.sleep(0)
    commands.begin(command)
    assert (await player.worker.told()).text == ""
    for text, stream in (("a", Stream.STDOUT), ("b", Stream.STDOUT), ("ä", Stream.STDERR)):
        player.worker.write(text, stream)
    player.worker.done(player.run)
    assert await reading == [
        Written("stdout", b"ab"),
        Written("stderr", "ä".encode()),
        End("exit status 0", 0, exited=True),
    ]
    await commands.close()
    assert commands.running() == []
    assert player.worker.exited


@pytest.mark.parametrize(
    ("value", "end", "error"),
    [
        ("exit 3", End("exit status 3", 3, exited=True), "exit status 3"),
        ("exit 0 ", End("exit status 0", 0, exited=True), None),
        ("signal 9", End("signal: killed"), "signal: killed"),
        ("core 11", End("signal: segmentation fault (core dumped)"), "signal: segmentation fault (core dumped)"),
        ("signal 999", End("signal: 999"), "signal: 999"),
        ("nonsense", End("SystemExit: nonsense"), "SystemExit: nonsense"),
        ("exit ²", End("SystemExit: exit ²"), "SystemExit: exit ²"),
    ],
)
async def test_how_it_ended(service: LocalContexts, play: Any, value: str, end: End, error: str | None) -> None:
    commands, command, player = await started(service, play)
    reading = asyncio.create_task(told(command))
    await asyncio.sleep(0)
    commands.begin(command)
    await player.worker.told()
    player.worker.done(player.run, exit_of(value))
    assert await reading == [end]
    assert end.error == error


async def test_what_it_leaves_keeps_its_context(service: LocalContexts, play: Any) -> None:
    commands, command, player = await started(service, play)
    commands.begin(command)
    await player.worker.told()
    player.worker.done(player.run, exit_of("exit 0 left"))
    waiting = await play(player.worker)
    assert waiting.run.code == "wait_for_all()"
    assert commands.running() == []
    player.worker.write("to nobody")
    assert player.worker.exited is None
    player.worker.done(waiting.run)
    await commands.close()
    assert player.worker.exited


async def test_it_obeys_one_instruction_after_the_other(service: LocalContexts, play: Any) -> None:
    commands, command, player = await started(service, play)
    commands.begin(command)
    await player.worker.told()
    sending = [asyncio.create_task(it) for it in (command.write(b"hi"), command.send("signal 15"))]
    assert await player.ask("") == "input aGk="
    assert await player.ask("") == "signal 15"
    player.say("no such process")
    await sending[0]
    with pytest.raises(EnvdRefused, match=r"^no such process$"):
        await sending[1]
    player.worker.done(player.run)
    await commands.close()
    with pytest.raises(EnvdRefused, match="the process has ended: 7"):
        await command.send("close")


async def test_an_instruction_may_end_the_command(service: LocalContexts, play: Any) -> None:
    commands, command, player = await started(service, play)
    commands.begin(command)
    await player.worker.told()
    sending = asyncio.create_task(command.send("close"))
    assert await player.ask("") == "close"
    player.worker.done(player.run)
    await sending
    await commands.close()


@pytest.mark.parametrize("by_deadline", [False, True])
async def test_a_kill_is_the_end_of_its_context(service: LocalContexts, play: Any, by_deadline: bool) -> None:
    commands, command, player = await started(service, play)
    reading = asyncio.create_task(told(command))
    await asyncio.sleep(0)
    commands.begin(command, deadline=asyncio.get_running_loop().time() if by_deadline else None)
    if not by_deadline:
        await command.kill()
    assert await reading == [End("signal: killed")]
    assert player.worker.exited
    await command.kill()
    await commands.close()


async def test_another_end_from_outside_says_why(service: LocalContexts, play: Any) -> None:
    commands, command, player = await started(service, play)
    reading = asyncio.create_task(told(command))
    await asyncio.sleep(0)
    commands.begin(command)
    await player.worker.told()
    with contextlib.suppress(ContextDeleted):  # as soon as the command has ended
        await service.restart(command.submission.context_id)
    assert await reading == [End(f"context restarted: {command.submission.context_id}")]
    await commands.close()


async def test_a_worker_that_dies_ends_the_command(service: LocalContexts, play: Any) -> None:
    commands, command, player = await started(service, play)
    reading = asyncio.create_task(told(command))
    await asyncio.sleep(0)
    commands.begin(command)
    player.worker.exit("killed by SIGSEGV")
    (end,) = await reading
    assert "killed by SIGSEGV" in end.status
    await commands.close()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("refused invalid_argument cwd must be a directory", "^cwd must be a directory$"),
        ("started now", "its context has said something else"),
        ("started ²", "its context has said something else"),
        ("", "its context has said something else"),
    ],
)
async def test_a_command_that_cannot_start_leaves_nothing(
    service: LocalContexts, play: Any, said: str, words: str
) -> None:
    commands = RunningCommands(service)
    starting = asyncio.create_task(commands.start(SPEC))
    player = await play()
    player.say(said)
    with pytest.raises(EnvdRefused, match=words):
        await starting
    await commands.close()
    assert player.worker.exited


async def test_a_client_that_leaves_while_it_starts_leaves_nothing(service: LocalContexts, play: Any) -> None:
    commands = RunningCommands(service)
    starting = asyncio.create_task(commands.start(SPEC))
    player = await play()
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    await commands.close()
    assert player.worker.exited


async def test_an_unknown_command(service: LocalContexts, fakes: FakeLauncher) -> None:
    commands = RunningCommands(service)
    for key, words in ({"pid": 1}, "pid 1"), ({"tag": "x"}, "tag x"):
        with pytest.raises(EnvdRefused, match=f"^no process has the {words}$"):
            commands.find(**key)
    with pytest.raises(InvalidRequest, match="must have at most"):
        await commands.start(Spec(command="x" * (1 << 20)))
    assert fakes.workers == []
