"""Directories of the daemon's own are known by what they are, wherever they are."""

from pathlib import Path

from interpreterd.workers.isolation.apart import ApartDirectory, all_apart, kept_apart


def test_a_directory_is_known_by_its_path_without_links(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    directory = ApartDirectory.at(str(tmp_path / "link"))
    assert directory == ApartDirectory.at(str(tmp_path / "real"))
    found = (tmp_path / "real").stat()
    assert directory.identity == (found.st_dev, found.st_ino)
    assert directory.is_in(str(tmp_path))
    assert directory.is_in(directory.path)
    assert not directory.is_in(str(tmp_path / "rea"))
    assert directory.holds(directory.path + "/archives")
    assert not directory.holds(str(tmp_path))


def test_it_is_kept_apart_within_a_block(tmp_path: Path) -> None:
    directory = ApartDirectory.at(str(tmp_path))
    before = all_apart()
    with kept_apart(directory):
        assert set(all_apart()) == {*before, directory}
    assert all_apart() == before
