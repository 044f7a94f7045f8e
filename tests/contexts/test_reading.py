"""What contexts show at one moment."""

import os
from pathlib import Path

from fake_worker import FakeLauncher
from managers import open_manager

from interpreterd.contexts.local import LocalContexts
from interpreterd.contexts.reading import daemon_stats
from interpreterd.model.requests import CreateContext, Execute


async def test_readings_count_contexts_executions_and_those_who_follow_them(tmp_path: Path) -> None:
    launcher = FakeLauncher()
    async with open_manager(launcher, tmp_path) as manager:
        service = LocalContexts(manager)
        busy = (await service.create(CreateContext())).id
        worker = await launcher.worker()
        await service.create(CreateContext(listed=False))
        await service.create(CreateContext())
        submission = await service.submit(Execute(code="1", context_id=busy))
        await service.submit_unattended(Execute(code="2", context_id=busy))
        message = await worker.run()
        feed = await service.follow_context(busy)
        readings = await service.readings()
        assert dict(readings.contexts) == {("busy", "off", ""): 1, ("idle", "off", ""): 1}
        assert (readings.running, readings.queued) == (1, 1)
        assert readings.followers == 2, "the client, and the follower of the context"
        assert readings.followers_behind == 1, "the client has not read that it runs"
        assert readings.journal_bytes > 0
        await submission.ready()
        assert (await service.readings()).followers_behind == 0
        feed.stop()
        assert (await service.readings()).followers == 1
        worker.done(message)
        submission.stop()


async def test_stats_tell_of_what_runs_and_waits_now(tmp_path: Path) -> None:
    launcher = FakeLauncher()
    async with open_manager(launcher, tmp_path, stats_interval_s=0) as manager:
        service = LocalContexts(manager)
        context = (await service.create(CreateContext())).id
        worker = await launcher.worker()
        await service.submit_unattended(Execute(code="1", context_id=context))
        await service.submit_unattended(Execute(code="2", context_id=context))
        await worker.run()
        (tmp_path / "file").write_bytes(b"x" * 100_000)
        (stats,) = (await service.stats(context)).contexts
        assert stats.disk_bytes is not None
        assert stats.disk_bytes >= 100_000
        assert (stats.running, stats.queued, stats.state) == (1, 1, "busy")
        assert stats.running_s > 0
        assert stats.queued_s > 0
        assert stats.processes is None, "a fake worker's pid is no process"


def test_the_daemon_tells_of_its_own_process() -> None:
    stats = daemon_stats()
    assert stats.pid == os.getpid()
    assert stats.resident_bytes > 1 << 20
    assert 3 < stats.descriptors < stats.descriptor_limit
    assert stats.threads >= 1
