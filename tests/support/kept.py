"""Measures the memory that this process keeps, by tracing all allocations."""

import contextlib
import gc
import tracemalloc
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def kept_bytes() -> Iterator[Callable[[], int]]:
    """Yield a function that returns the bytes allocated since the start of the block and not freed."""
    gc.collect()
    tracemalloc.start()
    try:
        yield lambda: tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
