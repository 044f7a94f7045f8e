"""The parked copies of a worker count against its context's limits."""

from typing import cast

from interpreterd.model.limits import Limits
from interpreterd.processes.usage import Process, Snapshot
from interpreterd.workers.watcher import Excess, Watch

MIB = 1 << 20


class Machine:
    """Processes without children."""

    def __init__(self, *processes: Process) -> None:
        self._processes = {it.pid: it for it in processes}

    def family(self, pid: int) -> list[Process]:
        return [self._processes[pid]] if pid in self._processes else []


def process(pid: int, *, cpu_s: float = 0.0, resident_bytes: int = 0) -> Process:
    return Process(pid=pid, started=1, cpu_s=cpu_s, reaped_s=0, resident_bytes=resident_bytes)


def judge(watch: Watch, *processes: Process) -> Excess | None:
    return watch.judge(cast(Snapshot, Machine(*processes)))


def test_they_count_as_processes_and_the_excess_says_so() -> None:
    watch = Watch(1, Limits(processes=2), lambda excess: None)
    assert judge(watch, process(1), process(2), process(3)) is None
    watch.copies = (2, 3)
    excess = judge(watch, process(1), process(2), process(3))
    assert excess == Excess("process limit of 2 exceeded: checkpoints count, too")
    assert excess.counts_copies
    watch.copies = (2,)
    assert judge(watch, process(1), process(2), process(3)) is None


def test_their_memory_is_measured_with_the_worker_s() -> None:
    watch = Watch(1, Limits(memory_bytes=100 * MIB), lambda excess: None)
    processes = [process(1, resident_bytes=80 * MIB), process(2, resident_bytes=80 * MIB)]
    assert judge(watch, *processes) is None
    assert watch.measurement() is None
    watch.copies = (2,)
    assert judge(watch, *processes) is None
    measurement = watch.measurement()
    assert measurement is not None
    assert measurement.bytes == 160 * MIB
    assert watch.judge_memory(measurement) == Excess("memory limit of 100 MiB exceeded: checkpoints count, too")


def test_their_processor_time_is_nobody_s() -> None:
    watch = Watch(1, Limits(cpu_s=5), lambda excess: None)
    watch.execution_id, watch.copies = "a", (2,)
    looks = [judge(watch, process(1), process(2, cpu_s=cpu_s)) for cpu_s in (0, 9, 9)]
    assert looks == [None, None, None]


def test_an_excess_without_copies_is_not_one_that_fewer_copies_would_end() -> None:
    watch = Watch(1, Limits(processes=0), lambda excess: None)
    excess = judge(watch, process(1))
    assert excess is not None
    assert not excess.counts_copies
