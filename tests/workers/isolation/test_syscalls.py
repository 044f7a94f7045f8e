"""The numbers of system calls are those of the kernel's headers, where this machine has them."""

import platform
import re
from pathlib import Path

import pytest

from interpreterd.workers.isolation.syscalls import _NUMBERS, AUDIT_ARCH, number_of

HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}


@pytest.mark.parametrize("machine", AUDIT_ARCH)
def test_the_numbers_are_the_kernels(machine: str) -> None:
    if not HEADERS[machine].exists():
        pytest.skip(f"no headers of Linux for {machine}; this is {platform.machine()}")
    text = HEADERS[machine].read_text()
    defined = {name: int(number) for name, number in re.findall(r"#define __NR3?2?6?4?_?_?(\w+)\s+(\d+)", text)}
    known = {name: number_of(name, machine) for name in _NUMBERS}
    assert {name: number for name, number in known.items() if number != defined.get(name, number)} == {}


def test_an_architecture_may_lack_a_call() -> None:
    assert number_of("open", "aarch64") is None
    assert number_of("open", "x86_64") == 2
