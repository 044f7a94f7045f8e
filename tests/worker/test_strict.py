"""Arguments of host functions: strict JSON, or a TypeError that names the place of what is none."""

import json
import math
import sys
from typing import Any

import pytest
from host_calls import calls, echo, printed
from hypothesis import given
from hypothesis import strategies as st
from paths import ROOT
from worker_driver import DrivenWorker

sys.path.insert(0, str(ROOT))
from worker import strict

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("aé\0"), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(values, max_size=3), st.dictionaries(st.text("abc", min_size=1), values, max_size=3))
def test_json_comes_as_it_is(args: list[Any], kwargs: dict[str, Any]) -> None:
    texts = strict.encode_call(tuple(args), kwargs)
    assert [json.loads(text) for text in texts] == [args, kwargs]
    assert all(text.isascii() for text in texts)


REFUSED = {
    "{1, 2}": "args[0]: set is not JSON; give None, bool, int, float, str, and lists, tuples or dicts of these",
    "[0, {'rows': [1, {1}]}]": "args[0][1].rows[1]: set is not JSON",
    "float('nan')": "args[0]: nan is not JSON, which has only finite numbers",
    "-math.inf": "args[0]: -inf is not JSON",
    "2**64": "args[0]: an int of 65 bits does not fit into 64 bits",
    "-2**63 - 1": "args[0]: an int of 64 bits does not fit into 64 bits",
    "10**6000": "args[0]: an int of 19932 bits does not fit into 64 bits",
    "'a\\ud800b'": "args[0]: the text has a lone surrogate, '\\ud800', which is not JSON",
    "{'\\udfff': 1}": "the key args[0]['\\udfff']: the text has a lone surrogate",
    "{1: 2}": "args[0]: a dict must have str as keys, not int",
    "{'a b': {2: 3}}": "args[0]['a b']: a dict must have str as keys, not int",
    "b'bytes'": "args[0]: bytes is not JSON",
    "math": "args[0]: module is not JSON",
    "datetime.datetime.now()": "args[0]: datetime.datetime is not JSON",
    "1j": "args[0]: complex is not JSON",
    "Mine()": "args[0]: Mine is not JSON",
    "endless": "nested more than 200 deep, or contains itself",
    "1, key=[set()]": "kwargs.key[0]: set is not JSON",
}
PRELUDE = "import math, datetime, enum, collections\nclass Mine: pass\nendless = []; endless.append(endless)\n"


@pytest.mark.parametrize(("arguments", "told"), REFUSED.items())
def test_what_json_cannot_hold_raises_at_the_call_before_anything_is_sent(
    worker: DrivenWorker, arguments: str, told: str
) -> None:
    code = f"{PRELUDE}try: search({arguments})\nexcept TypeError as error: print(error)"
    ran = calls(worker, code, lambda *_: pytest.fail("it was sent"))
    assert ran.error is None, ran.error
    assert told in ran.stdout
    assert ran.stdout.startswith("search() cannot take ")


def test_subclasses_count_as_what_they_are(worker: DrivenWorker) -> None:
    code = (
        f"{PRELUDE}class Text(str):\n    def __str__(self): return 'lie'\n    __repr__ = __str__\n"
        "class Real(float):\n    def __repr__(self): return 'lie'\n"
        "class Level(enum.IntEnum): HIGH = 3\n"
        "class Pair(tuple): pass\n"
        "print(search(Text('x'), Real(1.5), Level.HIGH, (1, 2), Pair([1]), collections.OrderedDict(a=True)))"
    )
    assert printed(worker, code) == "['search', ['x', 1.5, 3, [1, 2], [1], {'a': True}], {}]\n"


def test_a_classs_lie_about_its_own_name_is_harmless(worker: DrivenWorker) -> None:
    code = "class Meta(type):\n    __name__ = property(lambda self: 1 / 0)\nclass Odd(metaclass=Meta): __module__ = 3\n"
    code += "try: search(Odd())\nexcept TypeError as error: print(error)"
    assert "args[0]: Odd is not JSON" in calls(worker, code, echo).stdout


def test_the_bounds_are_those_of_the_daemons_reader() -> None:
    orjson = pytest.importorskip("orjson")
    for number in (strict.LEAST, strict.MOST):
        assert orjson.loads(str(number)) == number
        assert isinstance(orjson.loads(str(number)), int)
    assert math.isinf(float(strict._INFINITE[0]))
