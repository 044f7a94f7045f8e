"""The parts of an upload; ``test_files`` has what a whole daemon makes of them."""

from typing import Any

import pytest
from aiohttp import BodyPartReader
from multidict import CIMultiDict

from interpreterd.dialects.e2b.envd.parts import _parameter


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('form-data; name="file"; filename="/a/b c.txt"', "/a/b c.txt"),
        ('form-data; filename="/a"; name=file', "/a"),
        ('form-data; name="file"; filename="a;b\\\\c\\"d%22"', 'a;b\\c"d"'),
        ("form-data; name=file; filename=plain.txt ", "plain.txt"),
        ('form-data; name="file"; FILENAME="x"', "x"),
        ('form-data; name="file"', ""),
        ('form-data; name="filename=no"', ""),
        ("", ""),
    ],
)
def test_the_name_of_a_file(header: str, name: str) -> None:
    headers: Any = CIMultiDict({"Content-Disposition": header})
    part = BodyPartReader(b"--b", headers, None)  # type: ignore[arg-type]
    assert _parameter(part, "filename") == name
