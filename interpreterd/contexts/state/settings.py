"""The settings of forks, checkpoints and archives."""

from attrs import frozen

from interpreterd.setting_kinds import SettingError, absolute, byte_size, duration, setting, switch, whole


@frozen(kw_only=True, eq=False, repr=False)
class StateSettings:
    """The settings of what contexts keep. Times in seconds, sizes in bytes."""

    state_dir: str | None = setting(
        None,
        "directory of the daemon's own for archives and persistent contexts; made if it is missing (default: nothing "
        "is kept on disk)",
        parse=absolute,
    )
    checkpoints: int = setting(
        16, "limit of checkpoints of a context; the oldest automatic one makes room for the next", parse=whole
    )
    checkpoints_memory: int | None = setting(
        None,
        "memory of the checkpoints of all contexts; the oldest automatic ones make room (default: half of all memory)",
        parse=byte_size,
    )
    archives_total_bytes: int | None = setting(
        None, "size of all archives; beyond it the next one is refused (default: no limit)", parse=byte_size
    )
    persistent: bool = setting(
        False, "let all listed contexts outlive the daemon, as if they had been made with persistent", parse=switch
    )
    archive_after_s: float = setting(
        5.0,
        "seconds without work after which a persistent context is archived, if code has run in it since",
        parse=duration,
    )
    hibernate_after_s: float | None = setting(
        None,
        "seconds without work after which a context hibernates: it is archived, and its worker ends (default: never)",
        parse=duration,
    )

    def check(self) -> None:
        """Raise ``SettingError`` if something is to be kept, and there is no place for it."""
        if self.state_dir is None and self.persistent:
            raise SettingError("persistent", "needs --state-dir")
        if self.state_dir is None and self.hibernate_after_s is not None:
            raise SettingError("hibernate_after_s", "needs --state-dir")
