"""Stats are data: another daemon may send them."""

import pickle

import attrs

from interpreterd.model.stats import AllStats, ContextStats, DaemonStats, Readings


def test_stats_can_be_sent() -> None:
    context = ContextStats(
        context_id="c",
        state="idle",
        at=2.0,
        created_at=1.0,
        cpu_s=0.5,
        processes=None,
        executions={"completed": 1},
        raised=0,
        running=0,
        queued=0,
        running_s=0.1,
        queued_s=0.0,
        output_bytes=3,
        restarts={},
    )
    daemon = DaemonStats(
        pid=1, started_at=0.0, cpu_s=1.0, resident_bytes=2, threads=3, descriptors=4, descriptor_limit=5
    )
    stats = AllStats(at=2.0, contexts=[context], daemon=daemon)
    for sent in (stats, Readings()):
        assert attrs.asdict(pickle.loads(pickle.dumps(sent))) == attrs.asdict(sent)
