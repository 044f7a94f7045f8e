"""``client.archive_requests``: how an archive is named, and what is asked of the daemon."""

import pytest

from interpreterd.client import ContextOptions, InvalidArgument
from interpreterd.client.archive_requests import archive_name, with_archive


def test_an_archive_is_named_by_its_id_or_name() -> None:
    assert archive_name("model") == "model"
    with pytest.raises(TypeError, match="archive must be an id or name, or an Archive, not int"):
        archive_name(1)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match="archive cannot be sent as UTF-8"):
        archive_name("\ud800")


def test_a_context_that_begins_with_an_archive_has_its_other_options() -> None:
    options: ContextOptions = {"metadata": {"user": "ada"}}
    assert with_archive("load", "model", options) == {"metadata": {"user": "ada"}, "archive": "model"}
    with pytest.raises(TypeError, match=r"load\(\) got an unexpected keyword argument 'label'"):
        with_archive("load", "model", {"label": "x"})  # type: ignore[typeddict-unknown-key]
