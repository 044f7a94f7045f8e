"""Frames of pandas and polars as a resource with a schema, and as text."""

from typing import Any

import pytest
from worker_driver import DrivenWorker
from worker_modules import told

pytestmark = pytest.mark.xdist_group("libraries")

MIME = "application/vnd.dataresource+json"
PANDAS = "import pandas as pd, numpy as np\n"


def resource(worker: DrivenWorker, frame: str) -> dict[str, Any]:
    """Return the resource of the frame that an expression makes."""
    found: dict[str, Any] = told(worker, f"{PANDAS}it = own('formatters').bundle({frame})[0]['{MIME}']")
    return found


def test_a_frame_of_pandas_has_a_schema_and_rows(library_worker: DrivenWorker) -> None:
    frame = (
        "pd.DataFrame({'i': [1, 2], 'f': [0.1, float('nan')], 's': ['a', None], 'b': [True, False],"
        " 't': pd.to_datetime(['2020-01-01', None]), 'd': pd.to_timedelta([1, 2], 's'),"
        " 'c': pd.Categorical(['u', 'v']), 'z': pd.to_datetime(['2020', '2021']).tz_localize('UTC')})"
    )
    found = resource(library_worker, frame)
    assert [(field["name"], field["type"]) for field in found["schema"]["fields"]] == [
        ("index", "integer"),
        ("i", "integer"),
        ("f", "number"),
        ("s", "string"),
        ("b", "boolean"),
        ("t", "datetime"),
        ("d", "duration"),
        ("c", "any"),
        ("z", "datetime"),
    ]
    assert found["schema"]["fields"][7]["constraints"] == {"enum": ["u", "v"]}
    assert found["schema"]["fields"][8]["tz"] == "UTC"
    assert found["schema"]["primaryKey"] == ["index"]
    first, second = found["data"]
    assert first["t"].startswith("2020-01-01T00:00:00")
    assert {name: first[name] for name in "ifsbc"} == {"i": 1, "f": 0.1, "s": "a", "b": True, "c": "u"}
    assert (second["f"], second["s"], second["t"]) == (None, None, None)


@pytest.mark.parametrize(
    ("frame", "names", "key", "row"),
    [
        ("pd.DataFrame([[1, 2]], columns=['a', 'a'])", ["index", "a", "a.1"], ["index"], [0, 1, 2]),
        ("pd.DataFrame({'index': [5]})", ["index", "index.1"], ["index"], [0, 5]),
        ("pd.DataFrame({('a', 'b'): [1]})", ["index", "('a', 'b')"], ["index"], [0, 1]),
        ("pd.DataFrame({'v': [1]}, index=pd.Index(['x'], name='k'))", ["k", "v"], ["k"], ["x", 1]),
        (
            "pd.DataFrame({'v': [1]}, index=pd.MultiIndex.from_tuples([('x', 2)], names=['k', None]))",
            ["k", "level_1", "v"],
            ["k", "level_1"],
            ["x", 2, 1],
        ),
        ("pd.DataFrame({'o': [{1, 2}.__class__]})", ["index", "o"], ["index"], [0, "<class 'set'>"]),
        ("pd.DataFrame({0: [2**70]})", ["index", "0"], ["index"], [0, 2**70]),
    ],
)
def test_names_and_indexes_of_any_kind_are_told(
    library_worker: DrivenWorker, frame: str, names: list[str], key: list[str], row: list[object]
) -> None:
    found = resource(library_worker, frame)
    assert [field["name"] for field in found["schema"]["fields"]] == names
    assert found["schema"]["primaryKey"] == key
    assert found["data"] == [dict(zip(names, row, strict=True))]


@pytest.mark.parametrize(("rows", "kept"), [(0, 0), (1000, 1000), (1001, 20), (10**6, 20)])
def test_only_the_first_rows_are_there(library_worker: DrivenWorker, rows: int, kept: int) -> None:
    found = resource(library_worker, f"pd.DataFrame({{'a': np.arange({rows})}})")
    assert [row["a"] for row in found["data"]] == list(range(kept))


def test_a_frame_with_very_many_columns_is_cut(library_worker: DrivenWorker) -> None:
    found = resource(library_worker, "pd.DataFrame(np.zeros((500, 1000)))")
    assert len(found["data"]) == 100  # which are 100,000 values
    found = resource(library_worker, "pd.DataFrame(np.zeros((1, 100_001)))")
    assert len(found["data"][0]) == 100_000 + 1


def test_a_subclass_of_a_frame_is_a_frame(library_worker: DrivenWorker) -> None:
    made = (
        "class Geo(pd.DataFrame):\n    def to_json(self, *_, **__): raise RuntimeError\n"
        f"it = own('formatters').bundle(Geo({{'a': [1]}}))[0]['{MIME}']['data']"
    )
    assert told(library_worker, PANDAS + made) == [{"index": 0, "a": 1}]


def test_all_other_representations_are_there_too(library_worker: DrivenWorker) -> None:
    code = f"{PANDAS}it = own('formatters').bundle(pd.DataFrame({{'a': np.arange(10**5)}}))[0]"
    data = told(library_worker, code)
    assert set(data) == {"text/plain", "text/html", MIME}
    assert data["text/html"].count("<tr") < 70
    assert data["text/plain"].endswith("[100000 rows x 1 columns]")
    styled = told(library_worker, f"{PANDAS}it = own('formatters').bundle(pd.DataFrame({{'a': [1]}}).style)[0]")
    assert "<style" in styled["text/html"]


TEXTS = [
    "pd.DataFrame({'a': np.arange(-500, 500), 'b': np.linspace(-3, 3, 1000), 'e': np.arange(1000) > 7})",
    "pd.DataFrame({'d': pd.date_range('2020', periods=70, freq='s'), 'x': 1})",
    "pd.DataFrame({'d': pd.date_range('2020', periods=3, tz='UTC'), 'x': [-1, 2, 3]})",
    "pd.DataFrame({'x': [1, 2]}, index=['aa', 'b'])",
    "pd.DataFrame({'s': ['a', 'bbb', None], 'x': [1.5, float('nan'), 2]})",
    "pd.DataFrame({'a': ['<b>'], 'c<d': [2]})",
    "pd.DataFrame({'x': [-5, 3]}, index=[-1, 100])",
    "pd.DataFrame({'x': ['a', 'b'], 'y': pd.Categorical(['u', 'v']), 't': pd.to_timedelta([1, 2])})",
    "pd.DataFrame([[1, 2]], columns=['a', 'a'])",
    "pd.DataFrame({('a', 'b'): [1], ('a', 'c'): [2]})",
    "pd.DataFrame({'x': [1]}).rename_axis('i')",
    "pd.DataFrame({'x': [1]}).rename_axis('i', axis=1)",
    "pd.DataFrame(np.zeros((3, 30)))",
    "pd.DataFrame({'a long name': ['x' * 60] * 2, 'y': 'y' * 40})",
    "pd.DataFrame()",
    "pd.DataFrame({'a': []})",
]


@pytest.mark.parametrize("frame", TEXTS)
def test_the_text_is_the_one_of_pandas(library_worker: DrivenWorker, frame: str) -> None:
    ours, theirs = told(
        library_worker, f"{PANDAS}f = {frame}\nit = own('formatters').bundle(f)[0]['text/plain'], repr(f)"
    )
    assert ours == theirs


@pytest.mark.parametrize(
    "option", ["'display.max_rows', 4", "'display.width', 20", "'display.colheader_justify', 'left'"]
)
def test_the_text_obeys_options(library_worker: DrivenWorker, option: str) -> None:
    code = (
        f"{PANDAS}f = pd.DataFrame({{'a': range(9), 'long': 1.5, 'other': 2}})\nwith pd.option_context({option}):\n"
        "    it = own('formatters').bundle(f)[0]['text/plain'], repr(f)"
    )
    ours, theirs = told(library_worker, code)
    assert ours == theirs


def test_a_frame_of_polars_has_a_schema_and_rows(library_worker: DrivenWorker) -> None:
    code = (
        "import polars as pl, datetime\n"
        "f = pl.DataFrame({'a': [1, None], 'b': ['x', 'y'], 'c': [datetime.date(2020, 1, 2)] * 2, 'l': [[1], [2]]})\n"
        "it = own('formatters').bundle(f)[0]"
    )
    data = told(library_worker, code)
    assert data[MIME] == {
        "schema": {
            "fields": [
                {"name": "a", "type": "integer"},
                {"name": "b", "type": "string"},
                {"name": "c", "type": "date"},
                {"name": "l", "type": "array"},
            ]
        },
        "data": [
            {"a": 1, "b": "x", "c": "2020-01-02", "l": [1]},
            {"a": None, "b": "y", "c": "2020-01-02", "l": [2]},
        ],
    }
    assert "<table" in data["text/html"]
    assert data["text/plain"].startswith("shape: (2, 4)\n")
    code = f"import polars as pl\nit = own('formatters').bundle(pl.DataFrame({{'a': range(10**5)}}))[0]['{MIME}']"
    assert len(told(library_worker, code)["data"]) == 20
