"""A plain Python, to compare a worker with."""

import subprocess

from worker_driver import DrivenWorker, clean_environment, find_pythons

SEEN = (
    "import sys, os\n"
    "print(sys.argv, sys.path, sys.executable, sys.prefix, sys.base_prefix, sys.exec_prefix)\n"
    "names = [n for n in dir(sys.flags) if n[:2] not in ('__', 'n_')]\n"
    "print([(n, getattr(sys.flags, n)) for n in names if n not in ('count', 'index')])\n"
    "print(sys.flags, tuple(sys.flags), sys.warnoptions, sys._xoptions, sys.dont_write_bytecode, sys.gettrace())\n"
    "print(sys.getrecursionlimit(), sys.stdin.fileno(), sys.stdout.encoding, sys.getfilesystemencoding())\n"
    "print([getattr(f, '__qualname__', type(f).__qualname__) for f in sys.meta_path], len(sys.path_hooks))\n"
    "print(__name__, __doc__, __package__, sys.platform, sys.getswitchinterval(), os.getcwd())\n"
)


def plain(worker: DrivenWorker, code: str, env: dict[str, str]) -> str:
    """Run ``code`` with ``python -c``, with an empty argv[0]; return its output."""
    ran = subprocess.run(
        [worker.python, "-c", "import sys; sys.argv = ['']\n" + code],
        capture_output=True,
        text=True,
        check=True,
        cwd=worker.cwd,
        env=clean_environment() | env | {"PYTHONIOENCODING": "utf-8"},
    )
    return ran.stdout


def version_of(python: str) -> tuple[int, int]:
    """Return the version of a Python of ``find_pythons``."""
    version = next(version for version, path in find_pythons().items() if path == python)
    major, _, minor = version.partition(".")
    return int(major), int(minor)
