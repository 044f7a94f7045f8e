"""Whether the daemon may look into its workers."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from interpreterd.workers.isolation import tracing
from interpreterd.workers.isolation.tracing import may_trace_all, rights_to_look, why_no_loopback


@pytest.mark.parametrize(("scope", "privileged", "may"), [("1", False, True), ("2", False, False), ("3", True, True)])
def test_yama_may_forbid_it_to_all_but_the_privileged(
    scope: str, privileged: bool, may: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "scope").write_text(f"{scope}\n")
    monkeypatch.setattr(tracing, "_YAMA", str(tmp_path / "scope"))
    monkeypatch.setattr(tracing, "may_trace_all", lambda: privileged)
    why = why_no_loopback()
    assert why is None if may else why == f"{tmp_path}/scope is {scope}: the daemon may not look into its workers"


def test_a_kernel_without_the_table_of_sockets_is_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("interpreterd.processes.listening._SOCK_DIAG", 31)
    why = why_no_loopback()
    assert why is not None
    assert "CONFIG_INET_DIAG" in why


@pytest.mark.parametrize(
    ("user", "privileged", "acts"),
    [(None, False, False), (None, True, False), (70001, True, False), (70001, False, True)],
)
def test_only_processes_of_other_users_need_more_than_the_daemons_own_rights(
    user: int | None, privileged: bool, acts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    acted: list[int] = []

    @contextmanager
    def acting_as(who: int) -> Iterator[None]:
        acted.append(who)
        yield

    monkeypatch.setattr(tracing, "may_trace_all", lambda: privileged)
    monkeypatch.setattr(tracing, "acting_as", acting_as)
    with rights_to_look(user)():
        assert acted == ([user] if acts else [])


def test_the_privilege_is_read_from_proc() -> None:
    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line)
    assert may_trace_all() is bool(int(status["CapEff"], 16) & 1 << 19)
