"""jupyter_kernel_test, Jupyter's own tests of kernels, through jupyter_server's gateway classes."""

import contextlib
import unittest

import checks
from jupyter_client.client import KernelClient
from jupyter_client.utils import run_sync
from jupyter_kernel_test import KernelTests
from jupyter_server.gateway.gateway_client import GatewayClient
from jupyter_server.gateway.managers import GatewayKernelClient, GatewayKernelManager

DIALECT = "jupyter"
CLIENT = "jupyter_kernel_test"
READY_S = 30


class BlockingClient(GatewayKernelClient):
    """The gateway's client, for callers that do not await."""

    get_shell_msg = run_sync(KernelClient._async_get_shell_msg)
    get_iopub_msg = run_sync(KernelClient._async_get_iopub_msg)


class Python(KernelTests):
    """What the suite is to try."""

    language_name = "python"
    file_extension = ".py"
    code_hello_world = "print('hello, world')"
    code_stderr = "import sys; print('test', file=sys.stderr)"
    completion_samples = ({"text": "zi", "matches": {"zip"}},)
    complete_code_samples = ("1", "print('hello, world')", "def f(x):\n  return x*2\n\n\n")
    incomplete_code_samples = ("print('''hello", "def f(x):\n  x*2")
    invalid_code_samples = ("import = 7q",)
    code_page_something = "zip?"
    code_generate_error = "raise ValueError('no')"
    code_execute_result = (
        {"code": "1+2+3", "result": "6"},
        {"code": "[n*n for n in range(1, 4)]", "result": "[1, 4, 9]"},
    )
    code_display_data = (
        {"code": "from IPython.display import HTML, display; display(HTML('<b>test</b>'))", "mime": "text/html"},
        {"code": "from IPython.display import Math, display; display(Math('\\\\frac{1}{2}'))", "mime": "text/latex"},
    )
    code_history_pattern = "1?2*"
    supported_history_operations = ("tail", "range", "search")
    code_inspect_sample = "zip"
    code_clear_output = "from IPython.display import clear_output; clear_output()"

    @classmethod
    def setUpClass(cls):
        cls.km = GatewayKernelManager(kernel_name="python3", client_class=f"{__name__}.BlockingClient")
        run_sync(cls.km.start_kernel)()
        cls.kc = cls.km.client()
        run_sync(cls.kc.start_channels)()
        run_sync(cls.kc.wait_for_ready)(timeout=READY_S)

    @classmethod
    def tearDownClass(cls):
        cls.kc.stop_channels()
        run_sync(cls.km.shutdown_kernel)()


@contextlib.contextmanager
def setup(url):
    """Yield a function that runs a test of the suite."""
    GatewayClient.instance().url = url
    Python.setUpClass()

    def passes(name):
        result = unittest.TestResult()
        Python(name).run(result)
        problems = [text for _, text in [*result.failures, *result.errors, *result.skipped]]
        assert not problems, "\n".join(problems)

    yield passes
    Python.tearDownClass()


def check_kernel_info(passes):
    """Its test of what a kernel tells about itself passes."""
    passes("test_kernel_info")


def check_stdout(passes):
    """Its test of stdout passes."""
    passes("test_execute_stdout")


def check_stderr(passes):
    """Its test of stderr passes."""
    passes("test_execute_stderr")


def check_result(passes):
    """Its test of results passes."""
    passes("test_execute_result")


def check_display(passes):
    """Its test of display data passes."""
    passes("test_display_data")


def check_clear_output(passes):
    """Its test of clear_output passes."""
    passes("test_clear_output")


def check_error(passes):
    """Its test of errors passes."""
    passes("test_error")


def check_completion(passes):
    """Its test of completion passes."""
    passes("test_completion")


def check_inspect(passes):
    """Its test of inspection passes."""
    passes("test_inspect")


def check_is_complete(passes):
    """Its test of whether code is complete passes."""
    passes("test_is_complete")


def check_pager(passes):
    """Its test of the pager passes."""
    passes("test_pager")


def check_history(passes):
    """Its test of history passes."""
    passes("test_history")


if __name__ == "__main__":
    checks.main(globals())
