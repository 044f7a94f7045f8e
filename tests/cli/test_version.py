"""``interpreterd version`` prints the version."""

import json
import platform

from command import interpreterd

from interpreterd import __version__


def test_it_is_the_same_in_every_way_of_asking() -> None:
    told = json.loads(interpreterd("version", "--json").stdout)
    assert told == {"version": __version__, "python": platform.python_version()}
    for arguments in (["--version"], ["version"]):
        assert interpreterd(*arguments).stdout.split()[:2] == ["interpreterd", __version__]
