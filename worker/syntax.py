"""Cells that Python does not compile as they are: with ``await`` outside functions, and with notebook syntax."""

PyCF_ALLOW_TOP_LEVEL_AWAIT = 0x2000  # of ast, which is not imported


def compiled(kind, source, filename, flags, mistake):
    """Return code objects of ``source``, which Python does not compile because of ``mistake``, and what is around them.

    ``kind`` is a function of ``compiling``. Raises ``mistake`` if the cell is nothing else but wrong.
    """
    if _awaits(source, mistake):
        flags |= PyCF_ALLOW_TOP_LEVEL_AWAIT
        if "\\" not in source:
            return kind(source, filename, flags), None
        import warnings

        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*invalid (octal )?escape")  # the first attempt has shown it
            return kind(source, filename, flags), None
    if not any(mark in source for mark in "!%?") and not source.lstrip("\n")[:1].isspace():
        raise mistake
    from worker.notebook import Cell

    cell = Cell(source, filename)
    if not cell.is_changed:
        raise mistake
    codes = cell.compiled(kind, flags, source)
    from worker.magics import notebook

    runner = notebook()
    if not cell.around:
        return codes, None
    from worker.surroundings import surrounding

    return codes, surrounding(runner, cell.around)


def _awaits(source, mistake):
    """Whether ``source`` was refused because it waits outside an asynchronous function."""
    return "outside" in str(mistake.msg) and ("await" in source or "async" in source)
