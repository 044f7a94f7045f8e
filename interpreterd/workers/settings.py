"""The settings of workers: their Python, and how they start."""

from attrs import frozen

from interpreterd.setting_kinds import at_least, duration, setting, whole, words
from interpreterd.workers.launchers import LAUNCHERS


@frozen(kw_only=True, eq=False, repr=False)
class WorkerSettings:
    """The settings of workers. Times in seconds."""

    python: str = setting("python3", "Python that runs the code: a name on PATH or a path; CPython 3.9 or newer")
    launcher: str = setting(
        "spawn",
        f"how workers start: {', '.join(f'{name} {row.summary}' for name, row in LAUNCHERS.items())}",
        choices=tuple(LAUNCHERS),
    )
    preload: tuple[str, ...] = setting(
        (),
        "comma-separated modules that a template imports once, for all contexts; implies --launcher fork",
        parse=words,
    )
    pool_size: int = setting(2, "number of started workers that wait for new contexts", parse=at_least(0, whole))
    start_timeout_s: float = setting(30.0, "seconds that a worker may take to start", parse=duration)
