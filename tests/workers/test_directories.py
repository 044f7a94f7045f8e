"""Which directories are shared."""

from interpreterd.workers.directories import Directories


def test_a_directory_is_shared_with_contexts_that_have_it_or_are_above_or_below() -> None:
    all_directories = Directories()
    for directory in ("/a", "/b/c", "/b/c/d/e", "/f", "/f"):
        all_directories.add([directory])
    shared = {name for name in ("/a", "/b/c", "/b/c/d/e", "/f", "/b/cc") if all_directories.is_shared(name)}
    assert shared == {"/b/c", "/b/c/d/e", "/f"}
    all_directories.add(["/"])
    assert all_directories.is_shared("/a")


def test_it_is_shared_no_more_once_the_others_have_ended() -> None:
    all_directories = Directories()
    for directory in ("/a", "/a", "/a/b/c", "/"):
        all_directories.add([directory])
    for directory in ("/a", "/", "/a/b/c"):
        assert all_directories.is_shared("/a")
        all_directories.remove([directory])
    assert not all_directories.is_shared("/a")
    all_directories.remove(["/a"])
    assert vars(all_directories) == {"_here": {}, "_below": {}}, "nothing is kept"
