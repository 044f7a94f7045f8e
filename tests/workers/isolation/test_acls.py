"""An access control list is changed for one user; the rights of all other users stay."""

import os
from pathlib import Path

import pytest

from interpreterd.workers.isolation.acls import (
    ACCESS,
    acl_bytes,
    acl_of,
    of_mode,
    users_in,
    with_user,
    without_users,
)

USER, OTHER = 123_456, 123_457


def test_a_user_is_put_in_and_taken_out_and_all_is_as_before() -> None:
    before = of_mode(0o640)
    after = with_user(before, USER, 7)
    assert users_in(after) == {USER}
    assert without_users(after, {USER}) == before


def test_a_second_user_stays_when_the_first_is_taken_out() -> None:
    both = with_user(with_user(of_mode(0o600), USER, 7), OTHER, 4)
    assert without_users(both, {USER}) == with_user(of_mode(0o600), OTHER, 4)


def test_a_mask_that_limits_others_goes_on_to_limit_them() -> None:
    limited = with_user(of_mode(0o670), OTHER, 6)
    limited[0x10, 0xFFFFFFFF] = 4
    after = with_user(limited, USER, 7)
    assert after[0x02, OTHER] == 4
    assert after[0x04, 0xFFFFFFFF] == 4
    assert after[0x10, 0xFFFFFFFF] == 7


def test_what_a_mask_has_taken_from_a_group_does_not_come_back_with_its_end() -> None:
    """A new file has the mask that its creator has asked for: so group and others cannot execute it."""
    made = with_user(of_mode(0o754), USER, 7)
    made[0x10, 0xFFFFFFFF] = 6
    assert without_users(made, {USER}) == of_mode(0o744)


def test_the_kernel_reads_and_writes_such_lists(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch(mode=0o640)
    file.chmod(0o640)
    entries = with_user(of_mode(0o640), USER, 6)
    try:
        os.setxattr(file, ACCESS, acl_bytes(entries))
    except OSError as error:
        pytest.skip(f"this file system has no lists: {error}")
    assert acl_of(os.getxattr(file, ACCESS)) == entries
    os.setxattr(file, ACCESS, acl_bytes(without_users(entries, {USER})))
    assert file.stat().st_mode & 0o777 == 0o640
    assert ACCESS not in os.listxattr(file)


@pytest.mark.parametrize("data", [b"", b"\x01\0\0\0", b"\x02\0\0\0x", b"\x02\0\0\0" + b"x" * 9])
def test_other_data_is_no_list(data: bytes) -> None:
    with pytest.raises(ValueError, match="second version"):
        acl_of(data)
