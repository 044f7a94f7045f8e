"""The answers of this machine's kernel."""

from interpreterd.cli.kernel import Kernel


def test_this_kernel_answers() -> None:
    kernel = Kernel()
    assert kernel.pidfd() is kernel.subreaper() is kernel.sealed_memory() is None
    assert kernel.sees_others()
    assert kernel.lists_children()
    assert isinstance(kernel.landlock(), (int, str))
    assert kernel.text("/proc/nothing") is None
