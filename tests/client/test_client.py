"""``interpreterd.client`` as a package: its imports and its public names."""

import inspect
import subprocess
import sys

import interpreterd.client


def test_the_client_knows_the_model_alone_and_the_daemon_no_client() -> None:
    script = "import sys, {}; print(*sorted(name for name in sys.modules if name.startswith('interpreterd.')))"

    def imported(module: str) -> set[str]:
        shown = subprocess.check_output([sys.executable, "-c", script.format(module)], text=True)
        return {name.split(".")[1] for name in shown.split()}

    assert imported("interpreterd.client") == {"client", "model", "_version"}
    assert not {"client", "cli"} & imported("interpreterd.daemon")


def test_every_public_name_has_a_docstring() -> None:
    for name in interpreterd.client.__all__:
        it = getattr(interpreterd.client, name)
        assert not inspect.isclass(it) or it.__doc__, name
