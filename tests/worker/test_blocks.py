"""pandas' frames: what shares memory goes on doing so, and goes on being copied before it is written to."""

import sys
from pathlib import Path

from archived import carried, reasons
from worker_driver import DrivenWorker

MADE = """
import numpy as np, pandas as pd
df = pd.DataFrame({"a": np.arange(5000), "b": np.arange(5000) / 2, "s": ["x", "y"] * 2500,
                   "c": pd.Categorical(["u", "v"] * 2500), "t": pd.date_range("2026-01-01", periods=5000, tz="UTC")})
df.attrs["unit"] = "m"
column = df["a"]
renamed = df.rename(columns={"a": "z"})
array = df["b"].to_numpy()
index = pd.Index(column)
multi = df.head(4).set_index(["a", "s"])
nullable = pd.array([1, None], dtype="Int64")
text = pd.Series(["é", None], dtype="string")
sparse = pd.arrays.SparseArray([0, 0, 1])
interval = pd.interval_range(0, 3)
period = pd.period_range("2026-01", periods=3, freq="M")
delta = pd.Series(pd.to_timedelta([1, 2], unit="s"))
groups = df.groupby("s")
rolling = df["a"].rolling(3)
styled = df.head(2).style
nothing = pd.NaT, pd.NA, pd.Timestamp("2026-01-01", tz="Europe/Berlin")
indexer = df.iloc
before = df.copy()
"""
CHECKS = """
it = {
    "frame": df.equals(before) and df.dtypes.equals(before.dtypes) and df.attrs == {"unit": "m"},
    "one memory": np.shares_memory(df["a"].to_numpy(), column.to_numpy())
        and np.shares_memory(renamed["z"].to_numpy(), column.to_numpy())
        and np.shares_memory(array, df["b"].to_numpy()),
    "index": index.equals(pd.Index(before["a"])),
    "multi": multi.loc[(0, "x"), "b"] == 0 and multi.index.names == ["a", "s"],
    "extensions": nullable[1] is pd.NA and text[0] == "é" and sparse.sum() == 1 and interval[1].right == 2
        and str(period[2]) == "2026-03" and delta[1].total_seconds() == 2,
    "groups": groups["a"].sum().to_dict() == {"x": 2499 * 2500, "y": 2500 * 2500},
    "rolling": rolling.sum().iloc[3] == 6,
    "nothing": nothing[0] is pd.NaT and nothing[1] is pd.NA and str(nothing[2].tz) == "Europe/Berlin",
    "indexer": indexer[0]["a"] == 0,
}
column.iloc[0] = 77
df.loc[1, "a"] = 88
columns = column, df["a"], renamed["z"]
it["copied before it is written to"] = index[0] == 0 and [(it.iloc[0], it.iloc[1]) for it in columns] == [
    (77, 1), (0, 88), (0, 1)]
it = [name for name, is_right in it.items() if not is_right]
"""


def test_frames_are_what_they_were(tmp_path: Path) -> None:
    with DrivenWorker(sys.executable, tmp_path) as worker:
        saved, loaded, wrong = carried(worker, MADE, CHECKS)
    assert (wrong, reasons(saved), reasons(loaded)) == ([], {}, {})
    assert {"numpy", "pandas"} <= set(saved["modules"])
