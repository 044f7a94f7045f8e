"""``get_ipython().kernel`` answers what libraries ask of Jupyter's."""

from publishing import bundles, ran
from worker_driver import DrivenWorker


def test_code_sees_its_request(worker: DrivenWorker) -> None:
    code = "parent = get_ipython().kernel.get_parent()\nprint(parent['header']['msg_id'], parent['msg_type'])"
    assert ran(worker, code, messageId="m").stdout == "m execute_request\n"
    assert ran(worker, code).stdout == f"{worker._ids} execute_request\n"


def test_responses_are_shown(worker: DrivenWorker) -> None:
    done = ran(
        worker,
        "kernel = get_ipython().kernel\n"
        "kernel.send_response(kernel.iopub_socket, 'stream', {'name': 'stderr', 'text': 'a'})\n"
        "kernel.send_response(None, 'display_data', {'data': {'text/plain': 'b'}, 'metadata': {}})\n"
        "kernel.send_response(None, 'clear_output', {'wait': True})\n"
        "kernel.send_response(None, 'error', {'traceback': ['c', 'd']})\nkernel.send_response(None, 'unknown')",
    )
    assert done.error is None
    assert done.stderr == "ac\nd\n"
    assert [(it.kind, it.data) for it in bundles(done)] == [("display", {"text/plain": "b"}), ("clear", {})]


def test_a_shutdown_ends_python_as_exit_does(worker: DrivenWorker) -> None:
    done = ran(worker, "get_ipython().kernel.do_shutdown(True)")
    assert done.message is not None
    assert done.message["type"] == "exiting"
