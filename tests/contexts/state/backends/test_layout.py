"""The layout of archives: any bytes are an archive of ours, or are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interpreterd.contexts.state.backends.layout import (
    ARCHIVE_HEAD,
    CONTENT_BLOCK_BYTES,
    END_BYTES,
    HEAD_BYTES,
    ROW_BYTES,
    Damaged,
    Foreign,
    Seal,
    TableRow,
    check_head,
    key_mark,
    parse_rows,
    parse_tail,
)

KEY = b"k" * 32


def sealed(table: bytes = b"", meta: bytes = b"{}") -> bytes:
    seal = Seal(KEY)
    seal.feed(table)
    seal.feed(meta)
    return seal.end(0, len(table), len(meta))


def test_a_head_is_that_of_an_archive() -> None:
    check_head(ARCHIVE_HEAD)
    newer = ARCHIVE_HEAD[:8] + b"\x02\0\0\0\0\0\0\0"
    with pytest.raises(Damaged, match=r"^it has the format 2, and this daemon knows formats up to 1$"):
        check_head(newer)
    with pytest.raises(Damaged, match=r"^it does not begin as an archive does$"):
        check_head(b"PK\x03\x04" + ARCHIVE_HEAD[4:])
    with pytest.raises(Damaged, match=r"^its head is wrong$"):
        check_head(ARCHIVE_HEAD[:-1] + b"\x01")


@given(st.binary(max_size=2 * HEAD_BYTES))
def test_any_other_head_is_refused(data: bytes) -> None:
    if data != ARCHIVE_HEAD:
        with pytest.raises(Damaged):
            check_head(data)


def test_an_end_vouches_for_what_is_before_it() -> None:
    table = TableRow(3, 5, b"d" * 32, is_compressed=True).packed()
    end = parse_tail(sealed(table), HEAD_BYTES + len(table) + 2 + END_BYTES)
    assert (end.table_bytes, end.meta_bytes, end.key_mark) == (ROW_BYTES, 2, key_mark(KEY))
    for key, fed, error in (
        (KEY, table, None),
        (KEY, table[::-1], Damaged),
        (None, table, Foreign),
        (None, table[::-1], Damaged),
        (b"K" * 32, table, Damaged),
    ):
        seal = Seal(key)
        seal.feed(fed)
        seal.feed(b"{}")
        if error is None:
            seal.check(end)
        else:
            with pytest.raises(error):
                seal.check(end)


@given(st.binary(max_size=2 * END_BYTES), st.integers(0, 1 << 40))
def test_any_other_end_is_refused(data: bytes, size: int) -> None:
    with pytest.raises(Damaged):
        parse_tail(data, size)


def test_an_end_of_a_file_of_another_size_is_refused() -> None:
    for size in (HEAD_BYTES + END_BYTES, HEAD_BYTES + 3 + END_BYTES):
        with pytest.raises(Damaged, match=r"^the sizes of its parts are wrong$"):
            parse_tail(sealed(), size)


def test_rows_are_what_was_packed() -> None:
    blocks = [TableRow(CONTENT_BLOCK_BYTES, CONTENT_BLOCK_BYTES, b"a" * 32, False), TableRow(7, 9, b"b" * 32, True)]
    assert list(parse_rows(b"".join(it.packed() for it in blocks))) == blocks


@pytest.mark.parametrize(
    "block",
    [
        TableRow(CONTENT_BLOCK_BYTES + 1, CONTENT_BLOCK_BYTES + 1, b"a" * 32, False),
        TableRow(0, 0, b"a" * 32, False),
        TableRow(9, 7, b"a" * 32, True),
        TableRow(7, 9, b"a" * 32, False),
    ],
)
def test_a_row_that_no_writer_makes_is_refused(block: TableRow) -> None:
    with pytest.raises(Damaged, match=r"^its table is wrong$"):
        list(parse_rows(block.packed()))
