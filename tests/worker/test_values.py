"""Values in formats for programs: lists and dicts as JSON, and the columns of frames."""

from typing import Any

import pytest
from publishing import bundles
from worker_driver import DrivenWorker, Ran
from worker_modules import OWN, told

JSON = "application/json"
COLUMNS = "application/vnd.interpreterd.columns+json"
RESOURCE = "application/vnd.dataresource+json"


def asking(worker: DrivenWorker, code: str, *formats: str) -> Ran:
    """Run ``code``, of which the values come in ``formats``."""
    request = {"type": "execute", "id": "0", "envs": {}, "results": True, "formats": formats, "code": code}
    worker.send(request)
    message = worker.receive()
    return Ran(message, worker.output())


def valued_as(worker: DrivenWorker, code: str, format: str) -> Any:
    """Return the value of ``code`` in ``format``; None if it has none."""
    ran = asking(worker, code, format)
    assert (ran.error, ran.stderr) == (None, "")
    (bundle,) = bundles(ran)
    return bundle.data.get(format)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("[1, 2.5, 'a', None, True]", '[1,2.5,"a",null,true]'),
        ("{'a': {'b': (1,)}}", '{"a":{"b":[1]}}'),
        ("{1: 2, None: 3, True: 4, 1.5: 5}", '{"1":4,"null":3,"1.5":5}'),
        ("[float('nan'), float('inf')]", "[null,null]"),
        ("import collections; collections.OrderedDict(a=1)", '{"a":1}'),
        ("import datetime; [datetime.date(2020, 1, 2)]", '["2020-01-02"]'),
        ("import enum\nclass E(enum.IntEnum):\n  A = 1\n[E.A, {E.A: 2}]", '[1,{"1":2}]'),
        ("import dataclasses\n@dataclasses.dataclass\nclass D:\n  a: int = 1\n[D()]", '[{"a":1}]'),
        ("import uuid; [uuid.UUID(int=0)]", '["00000000-0000-0000-0000-000000000000"]'),
        ("list(range(2000))[:3]", "[0,1,2]"),
    ],
)
def test_lists_and_dicts_are_json(worker: DrivenWorker, code: str, text: str) -> None:
    found = valued_as(worker, code, JSON)
    assert found is not None
    assert found.text == text


@pytest.mark.parametrize(
    "code",
    [
        "[object]",
        "[1 << 64]",
        "x = []; x.append(x); x",
        "{(1,): 2}",
        "(1, 2)",
        "'a'",
        "class L(list):\n  def __iter__(self): raise RuntimeError\nL([1])",
    ],
)
def test_what_is_no_json_has_its_text_alone(worker: DrivenWorker, code: str) -> None:
    assert valued_as(worker, code, JSON) is None


def test_lists_have_no_json_unless_it_is_asked_for(worker: DrivenWorker) -> None:
    assert valued_as(worker, "[1]", COLUMNS) is None
    ran = asking(worker, "display([1])", JSON)
    assert [set(bundle.data) for bundle in bundles(ran)] == [{"text/plain", JSON}]


@pytest.mark.parametrize("code", ["[0] * 250_000", "[[0] * 125_000] * 2"])
def test_a_list_that_is_too_large_says_so(worker: DrivenWorker, code: str) -> None:
    ran = asking(worker, code, JSON)
    assert ran.stderr == f"{JSON} is left out: TooLarge: it has more than 250000 items\n"
    (bundle,) = bundles(ran)
    assert set(bundle.data) == {"text/plain"}


@pytest.mark.xdist_group("libraries")
def test_arrays_within_a_list_are_json(library_worker: DrivenWorker) -> None:
    code = (
        "import numpy as np\nhas = [np.arange(3), np.float32(0.5), np.datetime64('2020'), np.array([True])]\n"
        "it = own('values').json_of(has), own('values').json_of([np.array(['a'])])"
    )
    assert told(library_worker, code) == [[[0, 1, 2], 0.5, "2020-01-01T00:00:00.000000", [True]], None]


@pytest.mark.xdist_group("libraries")
@pytest.mark.parametrize(
    ("frame", "columns"),
    [
        (
            "pd.DataFrame({'a': [1, 2], 'b': [0.5, 1], 't': pd.to_datetime(['2020-01-01', None])})",
            {"a": [1, 2], "b": [0.5, 1], "t": ["2020-01-01T00:00:00", None]},
        ),
        ("pd.DataFrame({1: ['x'], 'c': pd.Categorical(['y'])})", {"1": ["x"], "c": ["y"]}),
        ("pl.DataFrame({'a': [1, None], 'l': [[1], []]})", {"a": [1, None], "l": [[1], []]}),
    ],
)
def test_frames_have_their_columns(library_worker: DrivenWorker, frame: str, columns: object) -> None:
    code = f"import pandas as pd, polars as pl\nhas = {frame}\nit = own('values').columns_of(has, type(has))"
    assert told(library_worker, code) == columns


@pytest.mark.xdist_group("libraries")
@pytest.mark.parametrize(
    ("formats", "types"),
    [
        ([COLUMNS], {"text/plain", "text/html", COLUMNS}),
        ([COLUMNS, RESOURCE], {"text/plain", "text/html", COLUMNS, RESOURCE}),
        ([], {"text/plain", "text/html"}),
        (None, {"text/plain", "text/html", RESOURCE}),
    ],
)
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_come_in_the_formats_that_are_asked_for(
    library_worker: DrivenWorker, library: str, formats: list[str] | None, types: set[str]
) -> None:
    code = (
        f"import {library}\n"
        f"own('namespace').current.request = {{'formats': {formats}}} if {formats} is not None else {{}}\n"
        f"it = list(own('formatters').bundle({library}.DataFrame({{'a': [1]}}))[0])"
    )
    assert set(told(library_worker, code)) == types


@pytest.mark.xdist_group("libraries")
def test_a_frame_that_is_too_large_says_so(library_worker: DrivenWorker) -> None:
    code = (
        f"{OWN}import pandas as pd, numpy as np\nown('namespace').current.request = {{'formats': ['{COLUMNS}']}}\n"
        "print(*own('formatters').bundle(pd.DataFrame({'a': np.arange(500_001)}))[0])"
    )
    ran = library_worker.run(code)
    assert ran.stderr == f"{COLUMNS} is left out: TooLarge: it has more than 500000 cells\n"
    assert COLUMNS not in ran.stdout
