"""The targets on the machine are there for the block, and gone afterwards."""

import contextlib
import os
import signal
from pathlib import Path

import pytest

from interpreterd.cli.attacks.ground import ground, started


def test_targets_are_removed_however_the_block_ends() -> None:
    made: list[Path] = []
    with contextlib.suppress(ZeroDivisionError), ground() as place:
        made += [place.base, *map(Path, place.targets["markers"])]
        assert all(it.exists() for it in made)
        raise ZeroDivisionError
    assert made
    assert not any(it.exists() for it in made)
    with pytest.raises(ProcessLookupError):
        os.kill(place.targets["stranger"][0], 0)


def test_what_attacks_move_and_remove_is_made_again() -> None:
    with ground() as place:
        outside = place.base / "outside"
        place.renew()
        before = sorted(os.listdir(outside))
        (outside / "movable").rename(outside / "made-file")
        (outside / "removable-directory").rmdir()
        (outside / "made-directory").mkdir()
        (outside / "file").write_text("")
        place.renew()
        assert sorted(os.listdir(outside)) == before
        assert (outside / "file").read_text() == "text"


def test_the_program_of_the_machine_counts_its_signals() -> None:
    with ground() as place:
        assert place.signals() == 0
        os.kill(place.targets["stranger"][0], signal.SIGWINCH)
        assert place.signals() == 1


def test_a_process_is_known_by_its_pid_and_its_start() -> None:
    assert started(os.getpid()) == started(os.getpid()) != started(os.getppid())
