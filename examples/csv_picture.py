"""Analyse a CSV with pandas, draw it with matplotlib, and save the picture, in steps that share one context.

    pip install pandas matplotlib
    python examples/csv_picture.py /tmp/weather.png

The output of a step is shown as it happens. With ``INTERPRETERD_URL``, that daemon's Python reads and writes the files,
and needs pandas and matplotlib; otherwise this Python does.
"""

import argparse
import os
import sys
from pathlib import Path

from interpreterd.client import ClientError, Interpreter

# Each step uses the results of earlier steps: imports, ``weather``, ``celsius``, ``rain_mm``.
STEPS = {
    "read": """
import os
import pandas as pd

print("reading", os.environ["CSV"])
weather = pd.read_csv(os.environ["CSV"], parse_dates=["date"])
print(f"{len(weather)} weeks of {weather.station.nunique()} stations")
""",
    "analyse": """
for station, rows in weather.groupby("station"):
    warmest = rows.loc[rows.celsius.idxmax()]
    print(f"{station:8} {rows.celsius.mean():5.1f} °C on average, {warmest.celsius:.1f} °C on {warmest.date:%d %B}")
celsius = weather.pivot(index="date", columns="station", values="celsius")
rain_mm = weather.groupby([weather.date.dt.month, "station"]).rain_mm.sum().unstack()
""",
    "draw": """
import matplotlib
matplotlib.use("Agg")  # no screen is needed
import matplotlib.pyplot as plt

figure, (above, below) = plt.subplots(2, figsize=(8, 6), layout="constrained")
celsius.plot(ax=above, xlabel="", ylabel="°C", title="A year of weather")
rain_mm.plot.bar(ax=below, xlabel="month", ylabel="mm of rain", rot=0, legend=False)
figure.savefig(os.environ["PICTURE"], dpi=120)
print("saved", os.environ["PICTURE"])
""",
}


def main() -> None:
    """Run the steps; end with status 1 and the traceback if one fails."""
    parser = argparse.ArgumentParser(description="Analyse a CSV of weather and save a picture of it.")
    parser.add_argument("picture", type=Path, help="file to save; its suffix is the format: .png, .svg, .pdf")
    parser.add_argument(
        "--csv", type=Path, default=Path(__file__).with_name("weather.csv"), help="file to read; default: %(default)s"
    )
    options = parser.parse_args()
    # Text that must not be taken for code travels as an environment variable.
    envs = {"CSV": str(options.csv.absolute()), "PICTURE": str(options.picture.absolute())}
    url = os.environ.get("INTERPRETERD_URL")
    try:
        with Interpreter(url) if url else Interpreter.local() as py, py.create_context(envs=envs) as context:
            for title, code in STEPS.items():
                print(f"--- {title}", flush=True)
                execution = context.execute(code, timeout=120, on_stdout=to_stdout, on_stderr=to_stderr)
                execution.raise_for_error()
    except ClientError as error:
        # The code's own traceback is a note of the error.
        sys.exit("\n".join([*getattr(error, "__notes__", []), f"csv_picture: {error}"]))


def to_stdout(text: str) -> None:
    """Show output at once, even if it goes to a pipe."""
    print(text, end="", flush=True)


def to_stderr(text: str) -> None:
    """Show the warnings of libraries."""
    print(text, end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
