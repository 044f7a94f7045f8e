"""All settings: a section for each room; each field is also a flag of ``interpreterd serve`` and a variable."""

from collections.abc import Iterator
from typing import Any, Self

import attrs
from attrs import frozen

from interpreterd.contexts.settings import ContextSettings
from interpreterd.contexts.state.settings import StateSettings
from interpreterd.dialects.settings import DialectSettings
from interpreterd.files.settings import FileSettings
from interpreterd.http.settings import PRIVATE_HOSTS, HttpSettings
from interpreterd.logs.settings import LogSettings
from interpreterd.monitoring.settings import MonitoringSettings
from interpreterd.setting_kinds import SettingError, absolute, duration, period, setting, switch
from interpreterd.tenants.settings import TenantSettings
from interpreterd.workers.isolation.settings import IsolationSettings
from interpreterd.workers.settings import WorkerSettings


@frozen(kw_only=True, eq=False, repr=False)
class ProcessSettings:
    """The settings of the daemon's process."""

    config: str | None = setting(
        None,
        "TOML file with settings, whose keys are the names of flags; empty for none (default: /etc/interpreterd.toml, "
        "or else interpreterd/config.toml in XDG_CONFIG_HOME)",
        parse=lambda text: absolute(text) if text else "",
    )
    exit_with_parent: bool = setting(False, "end when the process that started the daemon ends", parse=switch)
    exit_unused_s: float | None = setting(
        None,
        "end when no client has been connected for so many seconds, and no code runs (default: never)",
        parse=duration,
    )
    drain_timeout: float | None = setting(
        None,
        "time for accepted executions to end after SIGTERM, for example 30s or 10m, while new work is refused "
        "(default: none; after SIGUSR2 as long as it takes)",
        parse=period,
    )


@frozen(kw_only=True, eq=False, repr=False)
class Settings:
    """The settings of a daemon: a section for each room, in the order of help. A room gets only its own section.

    No two sections share a name, earlier names included, because the command line knows no sections.
    """

    http: HttpSettings = attrs.Factory(HttpSettings)
    tenants: TenantSettings = attrs.Factory(TenantSettings)
    dialects: DialectSettings = attrs.Factory(DialectSettings)
    workers: WorkerSettings = attrs.Factory(WorkerSettings)
    isolation: IsolationSettings = attrs.Factory(IsolationSettings)
    contexts: ContextSettings = attrs.Factory(ContextSettings)
    state: StateSettings = attrs.Factory(StateSettings)
    files: FileSettings = attrs.Factory(FileSettings)
    monitoring: MonitoringSettings = attrs.Factory(MonitoringSettings)
    logs: LogSettings = attrs.Factory(LogSettings)
    process: ProcessSettings = attrs.Factory(ProcessSettings)

    @classmethod
    def of(cls, **values: Any) -> Self:
        """Return settings with these ``values``, each in the section that has its name; all others have their defaults.

        Raises:
            TypeError: No setting has this name.
            ValueError: No ``cwd`` is given, and the current directory no longer exists.
        """
        sections = {}
        for section in attrs.fields(cls):
            names = [declared.name for declared in attrs.fields(section.type)]
            given = {name: values.pop(name) for name in names if name in values}
            if "given" in names:
                given["given"] = frozenset(given)
            sections[section.name] = section.type(**given)
        if values:
            raise TypeError(f"no such settings: {', '.join(values)}")
        return cls(**sections)

    def check(self, *, has_token: bool = False) -> None:
        """Raise ``SettingError`` if settings contradict each other: a section may have such a method, too.

        ``has_token`` says whether clients need a token although there is no file of tokens.
        """
        for section in attrs.fields(type(self)):
            if (check := getattr(getattr(self, section.name), "check", None)) is not None:
                check()
        ports = self.isolation.isolation_ports
        # The usual ones may be the daemon's: then they are left out.
        is_chosen = ports is not attrs.fields(IsolationSettings).isolation_ports.default
        if is_chosen and (own := self.http.ports.intersection(ports)):
            raise SettingError("isolation_ports", f"must not have {min(own)}, on which the daemon itself listens")
        is_guarded = has_token or self.tenants.token_file or self.tenants.insecure_bind
        if not is_guarded and any(host not in PRIVATE_HOSTS for _, host in self.http.hosts()):
            from interpreterd.http.exposure import check_private

            check_private(self.http)

    @classmethod
    def declared(cls) -> "Iterator[attrs.Attribute[Any]]":
        """Yield every setting, section by section; ``setting_kinds.setting`` says what is in its metadata."""
        for section in attrs.fields(cls):
            yield from (it for it in attrs.fields(section.type) if it.metadata)

    def values(self) -> dict[str, Any]:
        """Return every setting's value by its name."""
        sections = [getattr(self, section.name) for section in attrs.fields(type(self))]
        fields = [(section, it) for section in sections for it in attrs.fields(type(section)) if it.metadata]
        return {it.name: getattr(section, it.name) for section, it in fields}
