"""The settings of monitoring: metrics."""

from attrs import frozen

from interpreterd.setting_kinds import setting, switch


@frozen(kw_only=True, eq=False, repr=False)
class MonitoringSettings:
    """The settings of monitoring."""

    metrics: bool = setting(True, "serve GET /metrics, for Prometheus", parse=switch)
    metrics_by_tenant: bool = setting(
        False, "give the metrics of executions and contexts a label with the tenant", parse=switch
    )
