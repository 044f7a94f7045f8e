"""The limits that the daemon's settings put on every context."""

from typing import cast

import pytest

from interpreterd.contexts.limits import configured, limits_of
from interpreterd.contexts.settings import ContextSettings
from interpreterd.dialects.native.limits import limits_body
from interpreterd.model.isolation import IsolationInfo
from interpreterd.model.limits import Limits
from interpreterd.workers.isolation.jails import Place
from interpreterd.workers.launcher import Launcher


def test_every_limit_of_the_settings_is_one_of_each_context() -> None:
    settings = ContextSettings(
        cwd="/",
        context_memory=1 << 30,
        context_cpu_s=2.5,
        context_output_bytes=3,
        context_processes=4,
        queue_limit=5,
        code_limit_bytes=6,
        context_open_files=70,
        context_disk=1 << 20,
    )
    assert limits_of(settings) == Limits(
        memory_bytes=1 << 30,
        cpu_s=2.5,
        output_bytes=3,
        processes=4,
        queued=5,
        code_bytes=6,
        open_files=70,
        disk_bytes=1 << 20,
    )


class Seated(Place):
    """A place with a user of its own."""

    user = 100_000


@pytest.mark.parametrize(
    ("kind", "layers", "processes"), [(Place, (), None), (Place, ("user-namespace",), 14), (Seated, (), 14)]
)
def test_the_kernel_counts_the_processes_of_a_context_only_if_it_has_a_user_of_its_own(
    kind: type[Place], layers: tuple[str, ...], processes: int | None
) -> None:
    place = kind(cast(Launcher, None), info=IsolationInfo(layers=layers))
    assert configured("/", Limits(processes=10), place=place).processes == processes
    assert configured("/", Limits(), place=place).processes is None
    assert configured("/", Limits(processes=10)).processes is None


@pytest.mark.parametrize(("queue_limit", "shown"), [(None, {}), (7, {"queued": 7})])
def test_a_queue_limit_is_shown_only_if_it_is_chosen(queue_limit: int | None, shown: dict[str, int]) -> None:
    settings = ContextSettings(cwd="/") if queue_limit is None else ContextSettings(cwd="/", queue_limit=queue_limit)
    assert limits_body(limits_of(settings)) == shown
