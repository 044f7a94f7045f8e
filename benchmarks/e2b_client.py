"""Takes samples with E2B's SDK, in a Python that has it; speaks in lines on stdin and stdout.

A line of the input is the address of a server and the name of a sample; the answer is a line with its seconds.
"""

import os
import sys
import time
from collections.abc import Callable
from typing import Any

Sample = Callable[[Any], float]
FIGURE = "figure, axes = plt.subplots()\nline, = axes.plot([1, 3, 2])"


def main() -> None:
    """Answer until the input ends."""
    os.environ.update(E2B_DEBUG="true", E2B_API_KEY="e2b_" + "0" * 40)
    from e2b_code_interpreter import Sandbox  # type: ignore[import-not-found]

    sandboxes: dict[str, Any] = {}
    for line in sys.stdin:
        url, name = line.split()
        if url not in sandboxes:
            sandboxes[url] = Sandbox.create(sandbox_url=url)
        print(SAMPLES[name](sandboxes[url]), flush=True)


def run(code: str, results: int) -> Sample:
    """Return a sample: run ``code``, which must have so many results."""

    def sample(sandbox: Any) -> float:
        start = time.perf_counter()
        execution = sandbox.run_code(code)
        end = time.perf_counter()
        assert execution.error is None, execution.error
        assert len(execution.results) == results, execution
        return end - start

    return sample


def create(sandbox: Any) -> float:
    """Make a context, and end it again."""
    start = time.perf_counter()
    context = sandbox.create_code_context()
    end = time.perf_counter()
    sandbox.remove_code_context(context)
    return end - start


SAMPLES: dict[str, Sample] = {
    "pass": run("pass", 0),
    "create": create,
    "import": run("import matplotlib.pyplot as plt", 0),
    "figure": run(FIGURE, 1),
}

if __name__ == "__main__":
    main()
