"""The fields of /proc/[pid]/stat have the right names."""

import os
import resource
import subprocess

import pytest

from interpreterd.processes import proc_stat
from interpreterd.processes.proc_stat import named_stat, stat, ticks_since_boot


def test_the_fields_of_this_process() -> None:
    fields = stat(os.getpid())
    assert fields is not None
    assert fields[proc_stat.STATE] == b"R"
    assert int(fields[proc_stat.PARENT]) == os.getppid()
    assert int(fields[proc_stat.GROUP]) == os.getpgrp()
    assert int(fields[proc_stat.SESSION]) == os.getsid(0)
    assert int(fields[proc_stat.FAULTS]) <= resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    spent_s = (int(fields[proc_stat.UTIME]) + int(fields[proc_stat.STIME])) / proc_stat.TICKS_PER_S
    assert 0 < spent_s <= os.times().user + os.times().system + 0.1
    assert int(fields[proc_stat.RESIDENT]) > 1000
    assert int(fields[proc_stat.ARGUMENTS]) > 0


def test_a_process_has_started_before_now_and_after_its_parent() -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:
        fields, ours = stat(child.pid), stat(os.getpid())
        assert fields is not None
        assert ours is not None
        assert int(ours[proc_stat.STARTED]) <= int(fields[proc_stat.STARTED]) <= ticks_since_boot()


@pytest.mark.parametrize("name", [b"a) b (c", b"))", b"a\nb"])
def test_a_name_may_have_anything_in_it(name: bytes) -> None:
    code = f"""
import ctypes, sys
ctypes.CDLL(None).prctl(15, {name!r}, 0, 0, 0)  # PR_SET_NAME
print("named", flush=True)
sys.stdin.read()
"""
    with subprocess.Popen(["python3", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"named\n"
        named = named_stat(child.pid)
        assert named is not None
        assert named[0] == b"%d (%s" % (child.pid, name)
        assert int(named[1][proc_stat.PARENT]) == os.getpid()
        child.communicate()


def test_a_process_that_is_gone_has_none() -> None:
    with subprocess.Popen(["true"]) as child:
        pass
    assert stat(child.pid) is None
