"""Whether the daemon may look into its workers."""

from pathlib import Path

import pytest

from interpreterd.workers.isolation import tracing
from interpreterd.workers.isolation.tracing import may_trace_all, why_no_loopback


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


def test_the_privilege_is_read_from_proc() -> None:
    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line)
    assert may_trace_all() is bool(int(status["CapEff"], 16) & 1 << 19)
