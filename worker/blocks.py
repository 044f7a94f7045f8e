"""pandas' frames in archives: what shares memory goes on sharing it, and goes on being copied before it is written to.

A frame of pandas 2 or newer notes in each block which other blocks share its memory. Its own pickles forget that.
"""

from worker.rebuilding import attribute

_INDEX = ("pandas.core.indexes.base.Index", "pandas.Index")
_SERIES = "pandas.core.internals.managers.SingleBlockManager"


def reducer_of(kind, names):
    """Return the reducer for the parts of frames, if ``kind`` is the class of one."""
    if "pandas._libs.internals.Block" in names:
        return reduce_block
    if names[0] == "pandas._libs.internals.BlockValuesRefs":
        return lambda pickler, references: (type(references), ())
    if names[0] == _SERIES:
        return reduce_series
    return reduce_index if any(name in names for name in _INDEX) else None


def reduce_block(pickler, block):
    """A block, with the note of those that share its memory."""
    references = getattr(block, "refs", None)
    if references is None:
        return NotImplemented
    return made_block, (type(block), block.values, block.mgr_locs.indexer, block.ndim, references)


def reduce_series(pickler, manager):
    """What a series consists of: its block, and its index."""
    block = manager.blocks[0]
    if getattr(block, "refs", None) is None:
        return NotImplemented
    return type(manager), (block, manager.axes[0])


def reduce_index(pickler, index):
    """An index, with memory of its own: it cannot change, and so nobody sees the difference."""
    form = type(index).__reduce__(index)
    references = getattr(index, "_references", None)
    if references is None or not references.has_reference() or type(form) is not tuple or len(form) != 2:
        return form
    function, arguments = form
    if len(arguments) != 2 or type(arguments[1]) is not dict or "data" not in arguments[1]:
        return form
    data = arguments[1]["data"]
    return function, (arguments[0], {**arguments[1], "data": data.copy() if hasattr(data, "copy") else data})


def made_block(kind, values, places, ndim, references):
    """Return a block that shares memory with those of the same ``references``."""
    placement = attribute("pandas._libs.internals", "BlockPlacement")(places)
    wrapped = attribute("pandas.core.construction", "ensure_wrapped_if_datetimelike")(values)
    return kind(wrapped, placement=placement, ndim=ndim, refs=references)
