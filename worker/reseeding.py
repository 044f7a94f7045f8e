"""The sources of random numbers of a process that has been forked: seeded again, or put back."""

import os
import sys

_SEED_BYTES = 32


def kept():
    """Return the state of ``random``, which Python seeds anew in each child, for ``put_back``; or None."""
    random = sys.modules.get("random")
    try:
        return random._inst, random._inst.getstate()
    except AttributeError:  # not imported, or not Python's own
        return None


def put_back(state):
    """Let ``random`` go on from ``state``, a result of ``kept``."""
    if state is not None:
        instance, values = state
        instance.setstate(values)


def reseed():
    """Seed the sources that libraries share; return their names. Generators that code has made stay as they are."""
    done = []
    for name, (where, seed) in _SOURCES.items():
        module = sys.modules.get(where)
        try:
            if module is not None:
                seed(module)
                done.append(name)
        except Exception:  # code has put something else there
            pass
    return done


def _uuid(module):
    module._last_timestamp = None
    for version in ("v6", "v7"):
        if hasattr(module, f"_last_timestamp_{version}"):
            setattr(module, f"_last_timestamp_{version}", None)
    # By libuuid, both processes would count on from the same clock sequence; now there is a new one for each call.
    module._generate_time_safe = module._UuidCreate = None


def _torch(module):
    module.manual_seed(int.from_bytes(os.urandom(8), "little") >> 1)


_SOURCES = {
    "random": ("random", lambda module: module._inst.seed(os.urandom(_SEED_BYTES))),
    "numpy": ("numpy.random", lambda module: module.seed()),
    "uuid": ("uuid", _uuid),
    "ssl": ("ssl", lambda module: module.RAND_add(os.urandom(_SEED_BYTES), float(_SEED_BYTES))),
    "torch": ("torch", _torch),
}
