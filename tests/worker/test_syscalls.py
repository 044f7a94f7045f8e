"""Calls of the C library by the C half of ctypes."""

from worker_driver import DrivenWorker
from worker_modules import told


def test_an_error_has_its_number_and_the_name_of_the_call(worker: DrivenWorker) -> None:
    code = """
try:
    own("syscalls").Libc().call("close", -1)
except OSError as error:
    it = [error.errno, error.strerror]
"""
    assert told(worker, code) == [9, "Bad file descriptor (close)"]


def test_numbers_and_bytes_arrive(worker: DrivenWorker) -> None:
    code = """
import os
libc, data = own("syscalls").Libc(), b"somewhere"
getpid = libc.system(39 if os.uname().machine == "x86_64" else 172)
it = [getpid == os.getpid(), libc.call("strlen", b"four"), libc.call("strlen", libc.address_of(data))]
"""
    assert told(worker, code) == [True, 4, 9]


def test_the_module_is_not_left_behind(worker: DrivenWorker) -> None:
    code = "import sys; sys.modules.pop('_ctypes', None); own('syscalls').Libc(); it = '_ctypes' in sys.modules"
    assert told(worker, code) is False
