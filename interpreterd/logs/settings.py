"""The settings of logs."""

from attrs import frozen

from interpreterd.setting_kinds import setting


@frozen(kw_only=True, eq=False, repr=False)
class LogSettings:
    """The settings of logs."""

    log_format: str = setting("text", "format of the logs on stderr", choices=("text", "json"))
    log_events: str = setting(
        "auto",
        "log a line for each execution and each event in the life of a context; auto: with --log-format json",
        choices=("auto", "on", "off"),
    )
    log_level: str = setting("info", "lowest severity that is logged", choices=("debug", "info", "warning", "error"))
