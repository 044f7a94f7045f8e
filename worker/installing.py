"""``%pip`` and its like: install packages for this Python, which can then import them at once."""

import importlib
import os
import shlex
import site
import sys


def install(name, rest, run):
    """Let the installer ``name`` do ``rest``: ``run`` runs a command of the shell."""
    folders = {*site.getsitepackages(), site.getusersitepackages()}
    before = _links(folders)
    run(f"{_program(name, rest)} {rest}")
    for folder in folders:
        if os.path.isdir(folder) and folder not in sys.path:
            site.addsitedir(folder)
    for folder, link in _links(folders) - before:  # of a package that is installed in place
        site.addpackage(folder, link, None)
    importlib.invalidate_caches()


def _program(name, rest):
    python = shlex.quote(sys.executable)
    if name == "pip":
        return f"{python} -m pip"
    if name == "uv":
        return f"UV_PYTHON={python} uv"
    return f"CONDA_PREFIX={shlex.quote(sys.prefix)} CONDA_ALWAYS_YES=true {name}"


def _links(folders):
    """Return the ``.pth`` files in ``folders``."""
    found = set()
    for folder in folders:
        if os.path.isdir(folder):
            found |= {(folder, name) for name in os.listdir(folder) if name.endswith(".pth")}
    return found
