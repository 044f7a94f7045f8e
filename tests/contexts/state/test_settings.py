"""The settings of what contexts keep."""

import pytest

from interpreterd.setting_kinds import SettingError
from interpreterd.settings import Settings


@pytest.mark.parametrize("name", ["persistent", "hibernate_after_s"])
def test_what_is_kept_on_disk_needs_a_directory(name: str) -> None:
    with pytest.raises(SettingError, match="needs --state-dir"):
        Settings.of(cwd="/", **{name: 1}).check()
    Settings.of(cwd="/", state_dir="/var/lib/interpreterd", **{name: 1}).check()
