"""``get_ipython().kernel``: what libraries ask of Jupyter's kernel, mostly to open comms."""

from worker.comms import get_manager


class Kernel:
    """What stands for Jupyter's kernel.

    Attributes:
        shell: What ``get_ipython()`` returns.
        comm_manager: The comms of this worker.
        iopub_socket: None; ``send_response`` needs no socket.
    """

    implementation, banner = "interpreterd", "interpreterd"
    iopub_socket = session = None

    def __init__(self, shell):
        self.shell = shell
        self.comm_manager = get_manager()

    @property
    def execution_count(self):
        """The shell's."""
        return self.shell.execution_count

    @property
    def user_ns(self):
        """The shell's."""
        return self.shell.user_ns

    @property
    def _parent_header(self):
        return self.get_parent()

    def get_parent(self, channel=None):
        """Return the request of the client whose code runs: of its header, the name that the client gave it."""
        from worker.interactive import namespace, request_id

        task = namespace.current.request.get("task")
        kind = "execute_request" if task is None else "comm_msg"
        header = {"msg_id": request_id(), "msg_type": kind, "session": "", "username": "", "version": "5.3"}
        return {"header": header, "msg_id": header["msg_id"], "msg_type": kind, "parent_header": {}, "content": {}}

    def send_response(self, stream, msg_or_type, content=None, **options):
        """Show what a message of Jupyter would show: text, data, an error."""
        from worker import display

        content = content or {}
        if msg_or_type == "stream":
            import sys

            getattr(sys, content.get("name", "stdout")).write(content.get("text", ""))
        elif msg_or_type in ("display_data", "update_display_data"):
            is_update = msg_or_type.startswith("update")
            data, metadata, transient = (content.get(key) for key in ("data", "metadata", "transient"))
            display.publish_display_data(data, metadata, transient=transient, update=is_update)
        elif msg_or_type == "clear_output":
            display.clear_output(content.get("wait", False))
        elif msg_or_type == "error":
            import sys

            sys.stderr.write("\n".join(content.get("traceback") or [content.get("ename", "Error")]) + "\n")

    def do_shutdown(self, restart=False):
        """End this Python, as ``exit()`` does; the next execution starts a new one."""
        from worker.namespace import Exit

        raise Exit
