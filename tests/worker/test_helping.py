"""``object?``."""

import pytest
from worker_driver import DrivenWorker


def test_an_object_is_described(worker: DrivenWorker) -> None:
    worker.printed("def double(x, times=2):\n    '''Return more.'''\n    return x * times\ndata = [1, 2]")
    printed = worker.printed("double?")
    assert "double(x, times=2)" in printed
    assert "Return more." in printed
    assert "return x" not in printed
    assert "    return x * times" in worker.printed("??double")
    assert "Length:      2" in worker.printed("data ?")


@pytest.mark.parametrize("name", ["nobody", "len.nothing"])
def test_what_is_not_there_is_said(worker: DrivenWorker, name: str) -> None:
    assert worker.printed(f"{name}?") == f"Object `{name}` not found.\n"
