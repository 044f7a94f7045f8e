"""The name and version of the Python that runs user code."""

import pytest

from interpreterd.model.python import Python


def test_a_path_and_a_version_cannot_be_taken_for_each_other() -> None:
    with pytest.raises(TypeError):
        Python("3.11.7", "/usr/bin/python3")  # type: ignore[misc]
    assert Python(executable="/p", version="3.11.7") != Python(executable="/p", version="3.12.0")
