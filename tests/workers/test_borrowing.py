"""A borrowed worker: its messages are the borrower's, all else is its listener's."""

import pytest
from fake_worker import FakeLauncher, FakeWorker

from interpreterd.model.events import Stream
from interpreterd.model.state_errors import OperationFailed, OutOfStep
from interpreterd.pipe.messages import Configured, FromWorker, Synced
from interpreterd.workers.borrowing import borrowed
from interpreterd.workers.worker import Deaf


class Heard(Deaf):
    def __init__(self) -> None:
        self.heard: list[object] = []

    def on_message(self, message: FromWorker) -> None:
        self.heard.append(message)

    def on_output(self, stream: Stream, text: str, replaced: int = 0) -> None:
        self.heard.append(text)

    def on_broken(self, reason: str) -> None:
        self.heard.append(reason)

    def on_exit(self, how: str) -> None:
        self.heard.append(how)


async def launched() -> tuple[FakeWorker, Heard]:
    worker = await FakeLauncher().launch()
    assert isinstance(worker, FakeWorker)
    worker.listener = listener = Heard()
    return worker, listener


async def test_messages_come_to_the_borrower_and_output_to_the_listener() -> None:
    worker, listener = await launched()
    with borrowed(worker) as borrower:
        worker.listener.on_message(Synced())
        worker.listener.on_output(Stream.STDOUT, "late")
        assert await borrower.reply(Synced, 1000) == Synced()
    worker.listener.on_message(Configured())
    assert listener.heard == ["late", Configured()]


async def test_another_message_or_none_is_out_of_step() -> None:
    worker, _ = await launched()
    with borrowed(worker) as borrower:
        worker.listener.on_message(Configured())
        with pytest.raises(OutOfStep, match="said Configured, not Synced"):
            await borrower.reply(Synced, 1000)
        with pytest.raises(OutOfStep, match="did not answer within 0 s"):
            await borrower.reply(Synced, 0)


async def test_a_flood_of_messages_is_a_breach() -> None:
    worker, listener = await launched()
    with borrowed(worker):
        for _ in range(100):
            worker.listener.on_message(Synced())
    assert set(listener.heard) == {"unexpected Synced"}


async def test_the_end_and_a_breach_are_heard_by_both() -> None:
    for tell, why in (("on_exit", "has ended: ouch"), ("on_broken", "broke the protocol: ouch")):
        worker, listener = await launched()
        with borrowed(worker) as borrower:
            getattr(worker.listener, tell)("ouch")
            with pytest.raises(OperationFailed, match=why):
                await borrower.reply(Synced, 1000)
        assert listener.heard == ["ouch"]


async def test_a_worker_that_has_ended_before_gives_no_reply() -> None:
    worker, _ = await launched()
    worker.exit("exit status 0")
    with borrowed(worker) as borrower, pytest.raises(OperationFailed, match="exit status 0"):
        await borrower.reply(Synced, 1000)
