"""All metrics: their names keep to Prometheus' conventions, and no label can grow without a bound."""

import re

import pytest

from interpreterd.model.stats import Readings
from interpreterd.monitoring.counts import Counts
from interpreterd.monitoring.families import Family, families
from interpreterd.monitoring.histogram import Histogram

LABELS = {"outcome", "reason", "stream", "method", "status", "state", "profile", "version", "tenant"}


def found(counts: Counts | None = None, *, by_tenant: bool = False, **readings: object) -> dict[str, Family]:
    read = Readings(**readings)  # type: ignore[arg-type]
    all_of_them = families(counts or Counts(), read, by_tenant=by_tenant, loop_lag=Histogram(), version="1")
    return {family.name: family for family in all_of_them}


def counted() -> Counts:
    counts = Counts()
    counts.executions["ada", "completed"] = 3
    counts.executions["bob", "completed"] = 4
    counts.executions["bob", "lost"] = 1
    counts.raised["ada"] = 2
    counts.requests["GET", 200] = 5
    counts.worker_deaths["exit"] = 1
    counts.refusals["not_found"] = 1
    return counts


def test_names_and_units_keep_to_the_conventions() -> None:
    for name, family in found(counted(), resident_bytes=1, processes=1).items():
        assert re.fullmatch(r"interpreterd(_[a-z]+)+", name)
        assert not name.endswith("_total"), "the format adds it"
        assert family.help[-1:] not in ("", ".")
        base = name.removesuffix("_lost_lines")
        if family.unit:
            assert base.endswith(f"_{family.unit}")
        assert not base.endswith(("_ms", "_milliseconds", "_kb", "_mb")), "base units"


def test_no_two_metrics_have_one_name() -> None:
    listed = families(counted(), Readings(), loop_lag=Histogram(), version="1")
    assert len({family.name for family in listed}) == len(listed)


@pytest.mark.parametrize("by_tenant", [False, True])
def test_labels_are_few_and_name_no_context(by_tenant: bool) -> None:
    read = {("idle", "off", "ada"): 1}
    for family in found(counted(), by_tenant=by_tenant, contexts=read).values():
        for labels, _ in family.samples:
            assert set(labels) <= (LABELS if by_tenant else LABELS - {"tenant"})
            assert set(labels) == set(family.samples[0][0]), "each sample has the same labels"


def test_without_the_label_tenants_are_added_up() -> None:
    samples = found(counted())["interpreterd_executions"].samples
    assert {labels["outcome"]: value for labels, value in samples} == {
        "completed": 7,
        "interrupted": 0,
        "lost": 1,
        "cancelled": 0,
    }
    assert found(counted())["interpreterd_executions_raised"].samples == (({}, 2),)


def test_with_the_label_each_tenant_has_its_own_numbers() -> None:
    samples = found(counted(), by_tenant=True)["interpreterd_executions"].samples
    assert {(labels["tenant"], labels["outcome"]): value for labels, value in samples} == {
        ("ada", "completed"): 3,
        ("bob", "completed"): 4,
        ("bob", "lost"): 1,
    }


def test_contexts_are_counted_by_state_and_profile() -> None:
    read = {("idle", "off", "ada"): 1, ("idle", "off", "bob"): 2, ("busy", "strict", "bob"): 3}
    samples = found(contexts=read)["interpreterd_contexts"].samples
    assert {(labels["state"], labels["profile"]): value for labels, value in samples} == {
        ("idle", "off"): 3,
        ("busy", "strict"): 3,
    }


def test_what_nobody_has_measured_yet_is_left_out() -> None:
    assert "interpreterd_contexts_resident_bytes" not in found()
    assert found(resident_bytes=9, processes=2)["interpreterd_contexts_resident_bytes"].samples == (({}, 9),)
