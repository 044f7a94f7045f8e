"""Which user's rights clients may ask for, and how all of it ends."""

import asyncio
import os
import pwd
from typing import Any

import pytest

from interpreterd.contexts.local import LocalContexts
from interpreterd.dialects.e2b.envd import state
from interpreterd.dialects.e2b.envd.command import Spec, Written
from interpreterd.dialects.e2b.envd.errors import EnvdRefused
from interpreterd.dialects.e2b.envd.state import check_user
from interpreterd.dialects.e2b.sandbox import Sandbox


def test_there_is_only_the_daemons_own_user() -> None:
    own = pwd.getpwuid(os.geteuid()).pw_name
    for name in ("", "user", own):
        check_user(name)
    with pytest.raises(
        EnvdRefused, match=f"^user must be {own}, whose rights commands and files have here, or absent$"
    ):
        check_user("another")


async def test_its_end_waits_for_no_client_that_does_not_read(
    service: LocalContexts, play: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "SANDBOX_END_S", 0.0)
    sandbox = Sandbox(service)
    starting = asyncio.create_task(sandbox.envd.commands.start(Spec(command="cat")))
    player = await play()
    player.say("started 7")
    command = await starting
    follower = command.followers.add()
    for _ in range(4):
        await command.followers.tell(Written("stdout", b"x"))
    sandbox.envd.commands.begin(command)
    await player.worker.told()
    player.worker.done(player.run)
    await sandbox.close()
    assert player.worker.exited is None
    command.followers.remove(follower)
    await sandbox.envd.commands.close()
    assert player.worker.exited


async def test_its_end_waits_for_those_of_commands_and_watches(service: LocalContexts, play: Any) -> None:
    sandbox = Sandbox(service)
    starting = asyncio.create_task(sandbox.envd.commands.start(Spec(command="cat")))
    running = await play()
    running.say("started 7")
    command = await starting
    sandbox.envd.commands.begin(command)
    creating = asyncio.create_task(sandbox.envd.watches.create("w", "/d", recursive=False, entries=False))
    watching = await play()
    await watching.ask("ready")
    await creating
    closing = asyncio.create_task(sandbox.close())
    await asyncio.sleep(0)
    assert not closing.done()
    for player in (running, watching):
        player.worker.exit("killed by SIGTERM")
    await closing
    assert command.end is not None
    with pytest.raises(EnvdRefused, match="no watcher has the id w"):
        sandbox.envd.watches.find("w")
