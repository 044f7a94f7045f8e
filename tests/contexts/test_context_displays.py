"""Output data counts as output: for a slow client, against the output limit, and in the order of the program."""

from fake_worker import FakeLauncher
from open_context import COMPLETED, open_context, read, run

from interpreterd.model import displays, events
from interpreterd.model.output_quota import OutputQuota
from interpreterd.pipe.bundles import Bundle

PICTURE = Bundle(kind="display", data={"image/png": "A" * 1000}, display_id="d")


async def test_each_kind_of_bundle_is_an_event_in_its_place() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        worker, message, execution = await run(context, launcher)
        worker.write("before")
        worker.publish(PICTURE)
        worker.publish(Bundle(kind="update", data={"text/plain": "x"}, display_id="d"))
        worker.publish(Bundle(kind="clear", wait=True))
        worker.publish(Bundle(kind="result", data={"text/plain": "2"}, metadata=displays.Json("{}")))
        worker.write("after")
        worker.done(message)
        assert await read(execution) == [
            events.Output(stream=events.Stream.STDOUT, text="before"),
            displays.Display(data=PICTURE.data, display_id="d"),
            displays.UpdateDisplay(data={"text/plain": "x"}, display_id="d"),
            displays.ClearOutput(wait=True),
            displays.Result(data={"text/plain": "2"}, metadata=displays.Json("{}"), execution_count=1),
            events.Output(stream=events.Stream.STDOUT, text="after"),
            COMPLETED,
        ]


async def test_a_client_that_does_not_read_pictures_makes_the_program_wait() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher, backlog_limit_bytes=3000) as context:
        worker, message, execution = await run(context, launcher)
        worker.publish(PICTURE)
        assert worker.reading
        worker.publish(PICTURE)
        worker.publish(PICTURE)
        assert not worker.reading
        told = execution.journal.client
        for _ in range(5):
            await anext(told)
        assert worker.reading
        worker.done(message)


def test_output_data_that_exceeds_the_limit_is_cut_whole_and_nothing_follows() -> None:
    quota = OutputQuota(1000)
    assert quota.admit_whole(600)
    assert not quota.admit_whole(401)
    assert not quota.admit_whole(1)
    assert quota.admit(events.Stream.STDOUT, "x") == ""
    assert quota.cut_bytes == 403
    assert [marker.stream for marker in quota.close()] == [events.Stream.STDOUT]
