"""The port that tenants need, and the service of this process that has all of it."""

import inspect

from interpreterd.contexts.local import LocalContexts
from interpreterd.tenants.owned import OwnedContexts


def test_the_local_service_has_every_verb_with_these_parameters() -> None:
    for name, verb in vars(OwnedContexts).items():
        if inspect.isfunction(verb) and not name.startswith("_"):
            own = inspect.getattr_static(LocalContexts, name)
            assert inspect.signature(own).parameters.keys() == inspect.signature(verb).parameters.keys(), name
