"""The settings of dialects: which of them the daemon speaks."""

from typing import Final

from attrs import frozen

from interpreterd.setting_kinds import setting, words

NAMES: Final = ("native", "jupyter", "e2b", "opensandbox")


def _names(text: str) -> tuple[str, ...]:
    names = words(text)
    if not names or not set(names) <= set(NAMES) or len(set(names)) < len(names):
        raise ValueError(f"must be one or more of {', '.join(NAMES)}, each once, separated by commas")
    return names


@frozen(kw_only=True, eq=False, repr=False)
class DialectSettings:
    """What the daemon speaks."""

    dialects: tuple[str, ...] = setting(
        NAMES,
        "comma-separated APIs to serve, of native, jupyter, e2b and opensandbox; the first one answers requests for "
        "unknown paths",
        parse=_names,
    )
