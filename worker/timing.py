"""``%timeit``: how long code takes, measured by the standard library's ``timeit``."""

import gc
from timeit import Timer

_REPEATS = 7
_UNITS = (("s", 1), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9))


class TimeitResult:
    """The seconds that each repeat took for one loop.

    Attributes:
        loops: Of one repeat.
        timings: One number a repeat, in seconds for one loop.
    """

    def __init__(self, loops, timings):
        self.loops, self.repeat, self.timings = loops, len(timings), timings
        self.best, self.worst, self.average = min(timings), max(timings), sum(timings) / len(timings)
        self.stdev = (sum((each - self.average) ** 2 for each in timings) / len(timings)) ** 0.5

    def __str__(self):
        runs, loops = f"{self.repeat} run{'s' * (self.repeat > 1)}", f"{self.loops:,} loop{'s' * (self.loops > 1)}"
        return f"{_short(self.average)} ± {_short(self.stdev)} per loop (mean ± std. dev. of {runs}, {loops} each)"

    def __repr__(self):
        return f"<TimeitResult : {self}>"


def timeit(line, code, frame, is_cell=False):
    """Measure code in the namespaces of ``frame``, print the result, and return it if the options of ``line`` have -o.

    The code is the rest of ``line`` after its options; of a cell it is ``code``, and the rest of ``line`` its setup.
    """
    loops, repeats, is_quiet, returns, rest = 0, _REPEATS, False, False, line.strip()
    while rest.startswith("-"):
        option, rest = rest[:2], rest[2:]
        if option in ("-n", "-r", "-p"):
            number, _, rest = rest.lstrip().partition(" ")
            if not number.isdigit():
                raise ValueError(f"%timeit {option} needs a whole number, not {number!r}")
            loops, repeats = (int(number), repeats) if option == "-n" else (loops, max(1, int(number)))
            if option == "-p":
                repeats = _REPEATS
        elif option in ("-q", "-o", "-c", "-t"):
            is_quiet, returns = is_quiet or option == "-q", returns or option == "-o"
        else:
            raise ValueError(f"%timeit has no option {option}")
        rest = rest.lstrip()
    setup, code = (rest or "pass", code) if is_cell else ("pass", rest)
    timer = Timer(code, setup, globals={**frame.f_globals, **frame.f_locals})
    if not loops:
        loops = timer.autorange()[0]
    result = TimeitResult(loops, [each / loops for each in timer.repeat(repeats, loops)])
    gc.enable()  # an interrupt may have come where timeit had it off
    if not is_quiet:
        print(result)
    return result if returns else None


def _short(seconds):
    unit, size = next(((unit, size) for unit, size in _UNITS if seconds >= size), _UNITS[-1])
    return f"{seconds / size:.3g} {unit}"
