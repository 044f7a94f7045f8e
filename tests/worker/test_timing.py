"""``%timeit``."""

import re

from worker_driver import DrivenWorker

RESULT = r"[\d.e+]+ [µnm]?s ± [\d.e+]+ [µnm]?s per loop \(mean ± std\. dev\. of 2 runs, 3 loops each\)\n"


def test_it_prints_how_long_a_loop_takes(worker: DrivenWorker) -> None:
    worker.printed("calls = []")
    assert re.fullmatch(RESULT, worker.printed("%timeit -n 3 -r 2 calls.append(1)"))
    assert worker.printed("print(len(calls))") == "6\n"
    assert re.fullmatch(RESULT, worker.printed("%%timeit -n3 -r2 made = [0]\nmade.append(1)\ncalls.append(len(made))"))
    assert worker.printed("print(calls[-3:])") == "[2, 3, 4]\n"
    assert worker.printed("x = %timeit -q -o -n1 -r2 pass\nprint(x.loops, len(x.timings))") == "1 2\n"
    error = worker.run("%timeit -z 1").error
    assert error is not None
    assert error["value"] == "%timeit has no option -z"
