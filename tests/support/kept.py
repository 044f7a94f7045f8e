"""The memory that this process keeps: by a trace of all allocations."""

import contextlib
import gc
import tracemalloc
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def kept_bytes() -> Iterator[Callable[[], int]]:
    """Give the block a function that returns how many bytes were allocated since its beginning and still live."""
    gc.collect()
    tracemalloc.start()
    try:
        yield lambda: tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
