"""nbclient, nbconvert and papermill run notebooks on kernels of a gateway, by jupyter_server's gateway classes."""

import contextlib
import os
import subprocess
import sys

import checks
import nbformat
import papermill
from jupyter_server.gateway.gateway_client import GatewayClient
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

DIALECT = "jupyter"
CLIENT = "nbclient, papermill, nbconvert"
MANAGER = "jupyter_server.gateway.managers.GatewayKernelManager"
OPTIONS = {"kernel_manager_class": MANAGER, "progress_bar": False}


@contextlib.contextmanager
def setup(url):
    """Name the gateway to all clients in this process; yield its address."""
    GatewayClient.instance().url = url
    yield url


def notebook(*cells):
    """Return a notebook."""
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=[new_code_cell(cell) for cell in cells], metadata={"kernelspec": spec})


def outputs(*cells, **options):
    """Return the outputs of each cell of a notebook that nbclient has run."""
    book = notebook(*cells)
    NotebookClient(book, kernel_manager_class=MANAGER, **options).execute()
    return [[dict(output) for output in cell.outputs] for cell in book.cells]


def check_notebook(url):
    """nbclient runs a notebook; it has the outputs, the results and the counts."""
    book = notebook("x = 20", "import sys\nprint('out', x)\nprint('err', file=sys.stderr)", "x + 1", "'no result';")
    book.cells.insert(0, new_markdown_cell("# A title"))
    NotebookClient(book, kernel_manager_class=MANAGER).execute()
    cells = book.cells[1:]
    assert [cell.execution_count for cell in cells] == [1, 2, 3, 4]
    assert {(it.name, it.text) for it in cells[1].outputs} == {("stdout", "out 20\n"), ("stderr", "err\n")}
    (result,) = cells[2].outputs
    expected = {"output_type": "execute_result", "data": {"text/plain": "21"}, "metadata": {}, "execution_count": 3}
    assert dict(result) == expected
    assert cells[0].outputs == cells[3].outputs == []
    nbformat.validate(book)


def check_shown(url):
    """nbclient gets tables and pictures."""
    table, picture = outputs(
        "import pandas\npandas.DataFrame({'a': [1, 2]})",
        "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()",
    )
    assert "<table" in table[-1]["data"]["text/html"]
    assert picture[-1]["output_type"] == "display_data"
    assert picture[-1]["data"]["image/png"].startswith("iVBORw0KGgo")


def check_displays(url):
    """nbclient updates displays and clears outputs."""
    shown, cleared = outputs(
        "from IPython.display import clear_output, display\nshown = display(1, display_id=True)\nshown.update(2)",
        "print('old')\nclear_output()\nprint('new')",
    )
    assert [output["data"]["text/plain"] for output in shown] == ["2"]
    assert [output["text"] for output in cleared] == ["new\n"]


def check_error(url):
    """nbclient tells the error of a cell and stops, or goes on if errors are allowed."""
    book = notebook("1 / 0", "print('not reached')")
    error = checks.raised(CellExecutionError, NotebookClient(book, kernel_manager_class=MANAGER).execute)
    assert (error.ename, error.evalue) == ("ZeroDivisionError", "division by zero")
    assert "1 / 0" in str(error)
    assert book.cells[1].execution_count is None
    failed, then = outputs("1 / 0", "print('reached')", allow_errors=True)
    assert failed[0]["ename"] == "ZeroDivisionError"
    assert then[0]["text"] == "reached\n"


def check_timeout(url):
    """nbclient interrupts a cell that takes too long."""
    slow, then = outputs("import time\ntime.sleep(600)", "1", interrupt_on_timeout=True, timeout=2)
    assert slow[0]["ename"] == "KeyboardInterrupt"
    assert then[0]["data"] == {"text/plain": "1"}


def check_widgets(url):
    """nbclient keeps the state of widgets."""
    book = notebook("import ipywidgets\nslider = ipywidgets.IntSlider(value=3)\nslider")
    NotebookClient(book, kernel_manager_class=MANAGER).execute()
    (output,) = book.cells[0].outputs
    model = output["data"]["application/vnd.jupyter.widget-view+json"]["model_id"]
    states = book.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"]
    assert states[model]["state"]["value"] == 3


def check_nbconvert(url):
    """nbconvert executes a notebook from the command line."""
    nbformat.write(notebook("print(6 * 7)"), "converted.ipynb")
    flags = ("--to", "notebook", "--inplace", "--execute", f"--ExecutePreprocessor.kernel_manager_class={MANAGER}")
    command = [sys.executable, "-m", "nbconvert", *flags, "converted.ipynb"]
    done = subprocess.run(command, env=os.environ | {"JUPYTER_GATEWAY_URL": url}, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stderr
    assert nbformat.read("converted.ipynb", 4).cells[0].outputs[0].text == "42\n"


def check_papermill(url):
    """papermill runs a notebook with parameters."""
    book = notebook("alpha = 1\nname = 'a'", "print(alpha * 2, name)")
    book.cells[0].metadata["tags"] = ["parameters"]
    nbformat.write(book, "in.ipynb")
    done = papermill.execute_notebook("in.ipynb", "out.ipynb", parameters={"alpha": 21, "name": "b"}, **OPTIONS)
    assert done.cells[-1].outputs[0].text == "42 b\n"
    assert nbformat.read("out.ipynb", 4).cells[-1].outputs[0].text == "42 b\n"
    assert done.metadata.papermill.exception is None


def check_papermill_error(url):
    """papermill tells the error of a cell and keeps the notebook."""
    nbformat.write(notebook("print('before')", "1 / 0"), "in.ipynb")
    run = papermill.execute_notebook
    error = checks.raised(papermill.PapermillExecutionError, run, "in.ipynb", "out.ipynb", **OPTIONS)
    assert (error.ename, error.exec_count) == ("ZeroDivisionError", 2)
    kept = [output for cell in nbformat.read("out.ipynb", 4).cells for output in cell.get("outputs", [])]
    assert any(output.get("text") == "before\n" for output in kept)


if __name__ == "__main__":
    checks.main(globals())
