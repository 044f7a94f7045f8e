"""Forks have random numbers of their own; what goes back to a checkpoint has those of then."""

from branched import Bench

CODE = """
import random, uuid, ssl
random.seed(1)
mine = random.Random(2)
first = uuid.uuid1()
"""
NUMBERS = "print(random.random(), uuid.uuid1().clock_seq, ssl.RAND_bytes(8))"


async def test_forks_are_seeded_anew_and_say_what(copying: Bench) -> None:
    original = await copying.worker(CODE)
    copies, told = await copying.branched(original, copies=2)
    assert told.reseeded == ("random", "uuid", "ssl")
    shown = [await coder.run(NUMBERS) for coder in (original, *copies)]
    assert len({it.split()[0] for it in shown}) == 3
    assert len({it.partition("b")[2] for it in shown}) == 3
    assert shown[0].split()[0] == "0.13436424411240122"
    assert len({await coder.run("print(mine.random())") for coder in (original, *copies)}) == 1


async def test_a_checkpoint_keeps_the_state_and_seeds_nothing(copying: Bench) -> None:
    original = await copying.worker(CODE)
    copies, told = await copying.branched(original, purpose="checkpoint")
    assert told.reseeded == ()
    back = await copying.copy(copies[0], purpose="restore")
    assert await back.run("print(random.random())") == await original.run("print(random.random())")


async def test_without_such_modules_nothing_is_seeded(copying: Bench) -> None:
    original = await copying.worker("import sys\nfor name in ('random', 'ssl', 'uuid'):\n    sys.modules.pop(name, 0)")
    _, told = await copying.branched(original)
    assert told.reseeded == ()


async def test_modules_of_codes_own_with_such_a_name_are_left_alone(copying: Bench) -> None:
    original = await copying.worker("import sys, types\nsys.modules['random'] = types.ModuleType('random')")
    copies, told = await copying.branched(original)
    assert "random" not in told.reseeded
    assert await copies[0].run("print(1)") == "1\n"
