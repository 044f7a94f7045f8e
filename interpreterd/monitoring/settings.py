"""The settings of monitoring: metrics, and the audit log."""

from attrs import frozen

from interpreterd.setting_kinds import absolute, setting, switch


@frozen(kw_only=True, eq=False, repr=False)
class MonitoringSettings:
    """The settings of monitoring."""

    metrics: bool = setting(True, "serve GET /metrics, for Prometheus", parse=switch)
    metrics_by_tenant: bool = setting(
        False, "give the metrics of executions and contexts a label with the tenant", parse=switch
    )
    audit_log: str | None = setting(
        None,
        "file to which every execution, creation, deletion and refusal is appended (default: none)",
        parse=absolute,
    )
    audit_code: bool = setting(False, "keep the code itself in the audit log, not only its hash", parse=switch)
    audit_failure: str = setting(
        "refuse",
        "when the audit log cannot be written: refuse new work, or go on and count the lost lines",
        choices=("refuse", "count"),
    )
