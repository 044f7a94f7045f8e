"""Archives as clients see them."""

from interpreterd.model.archives import ArchiveInfo, LoadInfo


def test_an_archive_needs_no_name_and_may_be_whole() -> None:
    info = ArchiveInfo(id="a", created_at=0.0, size_bytes=1)
    assert (info.name, info.skipped, LoadInfo(archive_id="a").skipped) == ("", (), ())
