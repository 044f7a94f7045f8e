"""The table of a tenant in the file of tokens: its keys are names of the daemon's flags, and mean the same."""

import difflib
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from interpreterd.contexts.settings import ContextSettings
from interpreterd.model.isolation import PROFILES
from interpreterd.model.limits import Limits
from interpreterd.model.rules import NO_QUOTAS, Quotas, Rules
from interpreterd.setting_kinds import byte_size, count

LIMIT_SETTINGS: Final[Mapping[str, str]] = {
    "context_memory": "memory_bytes",
    "context_processes": "processes",
    "context_disk": "disk_bytes",
    "context_open_files": "open_files",
    "context_cpu_s": "cpu_s",
    "context_output_bytes": "output_bytes",
    "code_limit_bytes": "code_bytes",
    "queue_limit": "queued",
    "max_execution_s": "execution_s",
    "idle_timeout": "idle_s",
    "max_lifetime": "lifetime_s",
}
"""Settings for each context, and the fields of ``Limits``."""
QUOTA_SETTINGS: Final[Mapping[str, str]] = {
    "max_contexts": "contexts",
    "max_running": "running",
    "max_queued": "queued",
    "max_creations_per_s": "creations_per_s",
    "max_cpu_s_per_day": "cpu_s_per_day",
    "max_memory": "memory_bytes",
    "max_connections": "connections",
    "journals_total_bytes": "journal_bytes",
    "archives_total_bytes": "archive_bytes",
}
"""Settings for all contexts together, and the fields of ``Quotas``."""
_PARSE: Final[dict[str, Callable[[str], Any]]] = {
    **{it.name: it.metadata["parse"] for it in attrs.fields(ContextSettings)},
    "max_connections": count,
    "archives_total_bytes": byte_size,
}
ISOLATION: Final = "isolation"
CWD: Final = "cwd"
TENANT_KEYS: Final = (*(name.replace("_", "-") for name in (*LIMIT_SETTINGS, *QUOTA_SETTINGS)), ISOLATION, CWD)


def tenant_rules(table: Mapping[str, Any], bad: Callable[[str, str], Exception]) -> Rules:
    """Return the rules in a ``table``; raise ``bad`` of a key and a sentence for one that is unknown or impossible."""
    limits: dict[str, Any] = {}
    quotas: dict[str, Any] = {}
    isolation: str | None = None
    cwd: str | None = None
    for key, value in table.items():
        name = key.replace("-", "_")
        if name == ISOLATION:
            if value not in PROFILES:
                raise bad(key, f"{key}: must be one of {', '.join(PROFILES)}")
            isolation = value
            continue
        if name == CWD:
            if not _is_directory_name(value):
                raise bad(key, f"{key}: {_CWD_RULE}")
            cwd = value
            continue
        if name not in LIMIT_SETTINGS and name not in QUOTA_SETTINGS:
            near = difflib.get_close_matches(key.replace("_", "-"), TENANT_KEYS, n=1)
            raise bad(key, f"{key}: unknown key" + (f"; the nearest one is {near[0]}" if near else ""))
        try:
            value = parse_setting(name, value)
        except ValueError as error:
            raise bad(key, f"{key}: {error}") from None
        if name in LIMIT_SETTINGS:
            limits[LIMIT_SETTINGS[name]] = value
        else:
            quotas[QUOTA_SETTINGS[name]] = value
    return Rules(
        limits=Limits(**limits), quotas=Quotas(**quotas) if quotas else NO_QUOTAS, isolation=isolation, cwd=cwd
    )


def parse_setting(name: str, value: Any) -> Any:
    """Return the value of a key that ``value``, of TOML, means. Raises ValueError with its rule."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("must be a string or a number")
    return _PARSE[name](str(value))


def check_value(key: str, text: str) -> None:
    """Raise ValueError with the rule that ``text`` breaks, as the value of a key."""
    if key == CWD:
        if not _is_directory_name(text):
            raise ValueError(_CWD_RULE)
    elif key != ISOLATION:
        parse_setting(key.replace("-", "_"), text)
    elif text not in PROFILES:
        raise ValueError(f"must be one of {', '.join(PROFILES)}")


_CWD_RULE: Final = "must be the absolute path of a directory"


def _is_directory_name(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("/") and "\0" not in value
