"""Blocks of an archive, compressed where that makes them smaller, and does not hold up the worker that writes them."""

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from zstandard import ZstdCompressor, ZstdDecompressor

LEVEL: Final = 1  # numbers: 350 MB/s to a quarter; level 3 is half as fast, and saves a tenth more
SAMPLE_BYTES: Final = 16 << 10
WORTH: Final = 0.8  # of its size, to which a block must shrink
WELL_WORTH: Final = 0.1  # the same where time is short: then compressing takes less time than it saves
_own = threading.local()


def compressed(block: memoryview, *, in_a_hurry: bool) -> bytes | None:
    """Return ``block`` compressed; None if it is better kept as it is, which a sample from its middle shows."""
    if sampled_ratio(block) > (WELL_WORTH if in_a_hurry else WORTH):
        return None
    packed = _compressor().compress(block)
    return packed if len(packed) <= WORTH * len(block) else None


def sampled_ratio(block: memoryview) -> float:
    """Return how small a sample of ``block`` becomes, as a part of its size; 0 if it is too short for a sample."""
    middle = len(block) // 2
    sample = block[middle : middle + SAMPLE_BYTES]
    return len(_compressor().compress(sample)) / SAMPLE_BYTES if len(block) > 2 * SAMPLE_BYTES else 0.0


def is_worth_it(blocks: Sequence[memoryview], *, in_a_hurry: bool) -> bool:
    """Return whether to compress what begins with these ``blocks``."""
    ratio = sum(map(sampled_ratio, blocks)) / len(blocks)
    return ratio <= (WELL_WORTH if in_a_hurry else WORTH)


def decompressed(data: bytes, size_bytes: int) -> bytes:
    """Return the block of ``size_bytes`` that ``compressed`` has made ``data`` of. Raises ValueError."""
    import zstandard

    try:
        if zstandard.frame_content_size(data) == size_bytes:  # otherwise it would get as much memory as it asks for
            return _decompressor().decompress(data, max_output_size=size_bytes)
    except zstandard.ZstdError as error:
        raise ValueError(str(error)) from None
    raise ValueError("it has another size")


def _compressor() -> "ZstdCompressor":
    """Return the one of this thread: none may be used by two at once."""
    if not hasattr(_own, "compressor"):
        from zstandard import ZstdCompressor  # at the first archive

        _own.compressor = ZstdCompressor(level=LEVEL)
    found: ZstdCompressor = _own.compressor
    return found


def _decompressor() -> "ZstdDecompressor":
    if not hasattr(_own, "decompressor"):
        from zstandard import ZstdDecompressor

        _own.decompressor = ZstdDecompressor()
    found: ZstdDecompressor = _own.decompressor
    return found
