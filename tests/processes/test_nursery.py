"""The daemon finds, kills and reaps the processes that dead workers left, or gives them up."""

import asyncio
import os
import subprocess
import sys

import pytest
from nursery_alone import BEGINNING, run
from paths import ROOT

from interpreterd.processes.guard import Guard
from interpreterd.processes.nursery import Nursery

NURSERY = """
import asyncio, os, signal, subprocess, sys
from interpreterd.processes.families import children
from interpreterd.processes.nursery import Nursery

async def main():
    nursery = Nursery(adopts=True)
    known = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    nursery.add(known.pid)
    # dies at once and leaves two behind, one in a session of its own
    subprocess.run([sys.executable, "-c", '''
import os, signal
for setsid in (False, True):
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if setsid:
            os.setsid()
        os.close(1)
        while True:
            signal.pause()
'''])
    before = len(children(os.getpid()))
    await nursery.sweep()
    print(before, children(os.getpid()) == [known.pid], known.poll(), len(os.listdir("/proc/self/task")))
    known.kill()
    known.wait()
    nursery.remove(known.pid)
    await nursery.sweep()

asyncio.run(main())
"""


ENDS_AMID_A_SWEEP = """
import asyncio, os, subprocess, sys
from interpreterd.processes import guard
from interpreterd.processes.nursery import Nursery

the_guard = guard.start()

async def main():
    nursery = Nursery(guard=the_guard, adopts=True)
    subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    nursery._note_orphans = lambda stopped: os._exit(0)
    await nursery.sweep()

asyncio.run(main())
"""


def test_a_process_that_a_sweep_stopped_is_killed_although_the_daemon_ends_first() -> None:
    """The leftover process holds the pipe, so ``run`` returns only after that process has died."""
    program = [sys.executable, "-c", ENDS_AMID_A_SWEEP]
    subprocess.run(program, cwd=ROOT, stdout=subprocess.PIPE, check=True, timeout=30)


def test_a_sweep_kills_and_reaps_what_was_left_and_nothing_else() -> None:
    shown = subprocess.run(
        [sys.executable, "-c", NURSERY],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert (shown.stdout, shown.stderr) == ("3 True None 1\n", "")


def test_a_nursery_that_does_not_adopt_leaves_the_children_of_others_alone() -> None:
    with subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"]) as process:
        asyncio.run(Nursery().sweep())
        assert process.poll() is None
        process.kill()


def test_the_nursery_tells_the_guard() -> None:
    reader, writer = os.pipe()
    nursery = Nursery(guard=Guard(pid=1, pipe=writer))
    assert nursery.guarded
    nursery.add(10)
    nursery.remove(10)
    os.close(writer)
    with open(reader, "rb") as told:
        assert told.read() == b"+10\n-10\n"


TRACED = f"""{BEGINNING}
from tracing import traced

async def main():
    nursery = Nursery(adopts=True)
    orphan = leave_an_orphan()
    with traced(orphan):
        tracer, = set(children(os.getpid())) - {{orphan}}
        nursery.add(tracer)
        await nursery.sweep()
        print(open(f"/proc/{{orphan}}/stat").read().split()[2], flush=True)
        await nursery.sweep()
        async with nursery.birth():
            another = leave_an_orphan()
        await nursery.sweep()
        print(set(children(os.getpid())) == {{tracer, orphan}})
    nursery.remove(tracer)
    await nursery.sweep()
    print(children(os.getpid()))

asyncio.run(main())
"""


def test_a_zombie_that_is_traced_is_given_up_at_once_told_once_and_reaped_in_the_end() -> None:
    told, zombie, only_it, left = run(TRACED)
    assert told.startswith("process ")
    assert told.endswith("given up: it has ended, but is traced")
    assert (zombie, only_it, left) == ("Z", "True", "[]")


ANOTHER_USERS = f"""{BEGINNING}
async def main():
    nursery = Nursery(adopts=True)
    orphan = leave_an_orphan()
    os.seteuid(65534)
    for _ in range(3):
        await nursery.sweep()
    os.seteuid(0)
    print(os.waitpid(orphan, os.WNOHANG))
    os.kill(orphan, signal.SIGKILL)
    print(os.waitpid(orphan, 0)[0] == orphan)

asyncio.run(main())
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_another_user_s_process_is_given_up_at_once_and_told_once() -> None:
    told, lives, died = run(ANOTHER_USERS.replace("os.seteuid(65534)", "os.setresuid(65534, 65534, 0)"))
    assert told.endswith("given up: it is another user's")
    assert (lives, died) == ("(0, 0)", "True")


BIRTH = f"""{BEGINNING}
async def main():
    nursery = Nursery(adopts=True)
    old = leave_an_orphan()
    while int(time.clock_gettime(time.CLOCK_BOOTTIME) * os.sysconf("SC_CLK_TCK")) < parent_and_start(old)[1] + 3:
        pass  # it is to be older than the birth, by more ticks than one
    born = asyncio.Event()
    async def give_birth():
        async with nursery.birth():
            child = leave_an_orphan()
            begun.set()
            await born.wait()
            nursery.add(child)
            return child
    begun = asyncio.Event()
    birth = asyncio.create_task(give_birth())
    await begun.wait()
    sweep = asyncio.create_task(nursery.sweep())
    while len(children(os.getpid())) > 1:
        await asyncio.sleep(0)
    print(sweep.done())
    born.set()
    child = await birth
    await sweep
    print(children(os.getpid()) == [child])
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)

asyncio.run(main())
"""


def test_what_is_older_than_a_birth_is_swept_while_that_goes_on_and_what_is_born_is_not() -> None:
    assert run(BIRTH) == ["False", "True"]


PARENT_AND_CHILD = f"""{BEGINNING}
async def main():
    nursery = Nursery(adopts=True)
    code = "import os; os.fork(); os.write(1, b'.'); os.read(0, 1)"
    parent = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    while len(parent.stdout.read(1)) and not children(parent.pid):
        pass
    reap = nursery._reap
    def reap_late(orphans):
        for orphan, _ in orphans:
            os.waitid(os.P_PID, orphan, os.WEXITED | os.WNOWAIT)
        yield from reap(orphans)
    nursery._reap = reap_late
    await nursery.sweep()
    print(children(os.getpid()))

asyncio.run(main())
"""


def test_a_sweep_reaps_the_children_of_a_process_that_ended_after_the_look() -> None:
    assert run(PARENT_AND_CHILD) == ["[]"]


CLEANER = f"""{BEGINNING}
async def main():
    nursery = Nursery(adopts=True)
    code = "print(flush=True); input()  # resource_tracker import main"
    pipes = {{"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}}  # it ends with this process at the latest
    cleaner = subprocess.Popen([sys.executable, "-c", code], **pipes, start_new_session=True)
    cleaner.stdout.readline()
    sweep_soon, swept_again = nursery.sweep_soon, asyncio.Event()
    def sweep_and_tell():
        sweep_soon()
        swept_again.set()
    nursery.sweep_soon = sweep_and_tell
    await nursery.sweep(os.getpid())
    print(children(os.getpid()) == [cleaner.pid])
    await swept_again.wait()
    await asyncio.gather(*nursery._sweeps)
    print(children(os.getpid()), nursery._later.when() <= asyncio.get_running_loop().time())

asyncio.run(main())
"""


def test_a_cleaner_that_no_sweep_waits_for_is_ended_and_reaped_by_a_later_sweep_and_no_more_follow() -> None:
    assert run(CLEANER) == ["True", "[] True"]
