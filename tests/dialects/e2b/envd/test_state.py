"""Which user's rights clients may ask for."""

import os
import pwd

import pytest

from interpreterd.dialects.e2b.envd.errors import EnvdRefused
from interpreterd.dialects.e2b.envd.state import check_user


def test_there_is_only_the_daemons_own_user() -> None:
    own = pwd.getpwuid(os.geteuid()).pw_name
    for name in ("", "user", own):
        check_user(name)
    with pytest.raises(
        EnvdRefused, match=f"^user must be {own}, whose rights commands and files have here, or absent$"
    ):
        check_user("another")
