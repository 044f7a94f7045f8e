"""The refusal of a token that may only read."""

import pytest

from interpreterd.model.errors import Forbidden
from interpreterd.tenants.refusing import refuse


def test_it_names_the_role() -> None:
    with pytest.raises(Forbidden, match="its role is read"):
        refuse()
