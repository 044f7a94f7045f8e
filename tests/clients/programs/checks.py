"""Runs the checks of a program in a client's own Python: all in one process, each told as a line of JSON.

A program has functions ``check_…``, plain or async, whose docstrings begin with what they show. Each is called with
what the program's ``setup`` has made of the daemon's address; ``setup`` is a context manager, plain or async.
"""

import asyncio
import contextlib
import importlib
import inspect
import json
import os
import sys
import traceback


def main(names):
    """Run every check among ``names``, a module's globals, against the daemon whose address is the first argument."""
    told = os.fdopen(os.dup(1), "w", buffering=1)  # a client may print
    os.dup2(2, 1)
    if "CHECKS" in names:
        names = {**vars(importlib.import_module(names["CHECKS"].removesuffix(".py"))), **names}
    checks = [it for name, it in names.items() if name.startswith("check_")]
    asyncio.run(_run(names["setup"], checks, told))
    told.close()


def raised(kind, call, *arguments, **options):
    """Return the exception of ``kind`` that a call raises; fail if it raises none."""
    try:
        call(*arguments, **options)
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


async def _run(setup, checks, told):
    async with contextlib.AsyncExitStack() as stack:
        manager = setup(sys.argv[1])
        if hasattr(manager, "__aenter__"):
            made = await stack.enter_async_context(manager)
        else:
            made = stack.enter_context(manager)
        for check in checks:
            error = None
            try:
                done = check(made)
                if inspect.isawaitable(done):
                    await done
            except Exception:
                error = traceback.format_exc()
            first = " ".join(inspect.getdoc(check).partition("\n\n")[0].split())
            print(json.dumps({"check": first.partition(". ")[0].removesuffix("."), "error": error}), file=told)
