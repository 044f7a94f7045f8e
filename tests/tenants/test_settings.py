"""The settings of tokens: values of flags and variables."""

from pathlib import Path

import pytest
from said import parse, refusal, said
from tenancy import write_tokens

from interpreterd.setting_kinds import SettingError
from interpreterd.tenants.settings import TenantSettings


def test_a_flag_and_a_variable_say_the_same(tmp_path: Path) -> None:
    tokens = write_tokens(tmp_path / "tokens", one="admin")
    assert said("token_file", f"{tmp_path}/../{tmp_path.name}/tokens") == str(tokens.path)
    assert said("token_file", "") == ""
    assert parse("--insecure-bind")["insecure_bind"] is parse(INTERPRETERD_INSECURE_BIND="yes")["insecure_bind"] is True


def test_a_file_that_cannot_be_used_is_an_error_of_its_setting(tmp_path: Path) -> None:
    tokens = write_tokens(tmp_path / "tokens", one="admin")
    TenantSettings(token_file=str(tokens.path)).check()
    TenantSettings().check()
    tokens.path.chmod(0o644)
    with pytest.raises(SettingError, match="others may read") as caught:
        TenantSettings(token_file=str(tokens.path)).check()
    assert caught.value.name == "token_file"
    assert "chmod 600" in refusal("token_file", str(tokens.path))
