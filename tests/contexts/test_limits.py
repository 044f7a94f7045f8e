"""The limits that the daemon's settings put on every context."""

import pytest

from interpreterd.contexts.limits import limits_of
from interpreterd.contexts.settings import ContextSettings
from interpreterd.dialects.native.limits import limits_body
from interpreterd.model.limits import Limits


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


@pytest.mark.parametrize(("queue_limit", "shown"), [(None, {}), (7, {"queued": 7})])
def test_a_queue_limit_is_shown_only_if_it_is_chosen(queue_limit: int | None, shown: dict[str, int]) -> None:
    settings = ContextSettings(cwd="/") if queue_limit is None else ContextSettings(cwd="/", queue_limit=queue_limit)
    assert limits_body(limits_of(settings)) == shown
