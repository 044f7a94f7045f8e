"""The end of a process that user code made with ``os.fork()`` and that has come to the end of the code."""

import os
import sys


def leave(raised, error, is_told, streams):
    """End this process as Python ends a script that raised ``raised``, described by ``error``; each may be None.

    The error is written to ``sys.stderr`` unless it ``is_told`` already.
    """
    status, last_words = 0, ""
    if issubclass(type(raised), SystemExit):
        code = SystemExit.code.__get__(raised)
        if isinstance(code, int):
            status = code & 0xFF
        elif code is not None:
            status, last_words = 1, f"{code}\n"
    elif raised is not None:
        status, last_words = 1, "" if is_told else error["traceback"]
    try:
        sys.stderr.write(last_words)
    except BaseException:  # of any object that user code has put there
        pass
    streams.flush()
    os._exit(status)
