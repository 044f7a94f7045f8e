"""Comms: channels between code and clients, as Jupyter's kernel has them for widgets; ``interpreterd/model/comms.py``.

The package ``comm``, through which ipywidgets and others open theirs, gets its functions from here when user code
imports it. Its classes are not needed.
"""

import binascii
import json
import os
import sys

from worker import namespace, streams
from worker.comm_data import base64_of, json_of
from worker.looking import TEXT_LIMIT_CHARS
from worker.publisher import BUNDLE_LIMIT_BYTES, publish_encoded

COMMS_LIMIT = 1000  # of an answer about open comms
BUFFERS_LIMIT = 1024
NAME_LIMIT_CHARS = 1000  # of ids and targets


class Comm:
    """One comm. It is open until either side closes it.

    Attributes:
        comm_id: Its id.
        target_name: The name for which the other side waits.
        primary: Whether this side has opened it.
    """

    def __init__(
        self,
        target_name="comm",
        data=None,
        metadata=None,
        buffers=None,
        comm_id=None,
        primary=True,
        target_module=None,
        topic=None,
        _open_data=None,
        _close_data=None,
        **options,
    ):
        """Open it, if it is ``primary``; options of later versions of the package ``comm`` are ignored."""
        self.comm_id = comm_id or os.urandom(16).hex()
        self.target_name, self.target_module, self.primary = target_name, target_module, primary
        self.topic = topic or f"comm-{self.comm_id}".encode()
        self._open_data, self._close_data = _open_data or {}, _close_data or {}
        self._on_message = self._on_close = None
        self._closed = primary
        if primary:
            self.open(data, metadata, buffers)

    def __del__(self):  # a comm that is forgotten stays open: its data might not be complete just now
        pass

    @property
    def kernel(self):
        """The kernel that it belongs to."""
        from worker.interactive import get_ipython

        return get_ipython().kernel

    def open(self, data=None, metadata=None, buffers=None):
        """Open it; ``data`` is for the other side."""
        manager = get_manager()
        manager.register_comm(self)
        try:
            self._publish("open", self._open_data if data is None else data, metadata, buffers)
        except BaseException:
            manager.unregister_comm(self)
            raise
        self._closed = False

    def send(self, data=None, metadata=None, buffers=None):
        """Send ``data``, a JSON value, and ``buffers``, binary data, to all clients."""
        self._publish("message", {} if data is None else data, metadata, buffers)

    def close(self, data=None, metadata=None, buffers=None, deleting=False):
        """Close it; repeating it changes nothing."""
        if not self._closed:
            self._closed = True
            get_manager().unregister_comm(self)
            self._publish("close", self._close_data if data is None else data, metadata, buffers)

    def on_msg(self, callback):
        """Call ``callback`` with each message of a client; None for no callback."""
        self._on_message = callback

    def on_close(self, callback):
        """Call ``callback`` with the message by which a client closes it."""
        self._on_close = callback

    def handle_msg(self, message):
        """Take a client's message."""
        if self._on_message is not None:
            self._on_message(message)

    def handle_close(self, message):
        """Take a client's message that closes it."""
        self._closed = True
        if self._on_close is not None:
            self._on_close(message)

    def publish_msg(self, msg_type, data=None, metadata=None, buffers=None, **keys):
        """Send a message of Jupyter's type ``comm_open``, ``comm_msg`` or ``comm_close``."""
        action = {"comm_open": "open", "comm_close": "close"}.get(msg_type, "message")
        self._publish(action, {} if data is None else data, metadata, buffers)

    def _publish(self, action, data, metadata, buffers):
        header = {"kind": "comm", "action": action, "id": _name(self.comm_id)}
        if action == "open":
            header["target"] = _name(self.target_name)
        parts = {"application/json": json_of(data)}
        if buffers:
            encoded = [base64_of(buffer) for buffer in buffers]
            if len(encoded) > BUFFERS_LIMIT:
                raise ValueError(f"a message of a comm has at most {BUFFERS_LIMIT} buffers, not {len(encoded)}")
            header["buffers"] = list(map(len, encoded))
            parts["buffers"] = b"".join(encoded)
        if len(parts["application/json"]) + len(parts.get("buffers", b"")) // 4 * 3 > BUNDLE_LIMIT_BYTES:
            raise ValueError(f"the message of a comm is larger than {BUNDLE_LIMIT_BYTES >> 20} MiB, the limit")
        publish_encoded(header, parts, metadata)


class Manager:
    """All comms of this worker. Its methods are those of ``comm.base_comm.CommManager``.

    Attributes:
        comms: The open ones, by id.
        targets: Functions by the names of the targets for which clients may open comms.
    """

    def __init__(self):
        self.comms, self.targets = {}, {}

    def register_target(self, target_name, f):
        """Call ``f`` with each comm that a client opens for this target, and with its message.

        ``f`` may be the name of a function, with its module.
        """
        if isinstance(f, str):
            module, _, name = f.rpartition(".")
            f = getattr(__import__(module, fromlist=(name,)), name)
        self.targets[target_name] = f

    def unregister_target(self, target_name, f):
        """Wait for this target no longer; return its function."""
        return self.targets.pop(target_name)

    def register_comm(self, comm):
        """Add a comm; return its id."""
        self.comms[comm.comm_id] = comm
        return comm.comm_id

    def unregister_comm(self, comm):
        """Remove a comm; one that is not there is no error."""
        return self.comms.pop(comm.comm_id, None)

    def get_comm(self, comm_id):
        """Return the comm with this id, or None."""
        return self.comms.get(comm_id)

    def comm_open(self, stream, ident, msg):
        """Take a client's message that opens a comm. Without a function for its target, close the comm again."""
        content = msg["content"]
        target = self.targets.get(content["target_name"]) or self._late_target(content["target_name"])
        comm = _class()(comm_id=content["comm_id"], primary=False, target_name=content["target_name"])
        self.register_comm(comm)
        if target is None:  # as in Jupyter, where that is no error
            comm.close()
            return
        try:
            target(comm, msg)
        except BaseException:
            comm.close()
            raise

    def _late_target(self, name):
        """Return the function for a target of ipywidgets, if a template has imported them: there was no shell then."""
        widgets = sys.modules.get("ipywidgets")
        if widgets is None or not name.startswith("jupyter.widget"):
            return None
        from worker.interactive import get_ipython

        widgets.load_ipython_extension(get_ipython())
        return self.targets.get(name)

    def comm_msg(self, stream, ident, msg):
        """Take a client's message. Raises LookupError if the comm is not open."""
        comm = self.comms.get(msg["content"]["comm_id"])
        if comm is None:
            raise LookupError(f"no comm is open with the id {msg['content']['comm_id']}")
        comm.handle_msg(msg)

    def comm_close(self, stream, ident, msg):
        """Take a client's message that closes a comm, which may be closed already."""
        comm = self.comms.pop(msg["content"]["comm_id"], None)
        if comm is not None:
            comm.handle_close(msg)


_manager = Manager()
_made = None


def get_manager():
    """Return the manager of all comms."""
    return _manager


def create_comm(*arguments, **options):
    """Return a new comm; see ``Comm``."""
    return _class()(*arguments, **options)


def _class():
    """Return the class of comms: also a ``BaseComm`` of the package ``comm``, once that has been imported."""
    global _made
    base = getattr(sys.modules.get("comm.base_comm"), "BaseComm", None)
    if _made is None or (base is not None and not issubclass(_made, base)):
        _made = Comm if base is None else type("Comm", (Comm, base), {})
    return _made


def take_over(module):
    """Let the functions of ``module``, the package ``comm``, make comms here."""
    module.create_comm, module.get_comm_manager = create_comm, get_manager


def receive(task, content):
    """Take the message of a client, ``content`` as JSON text. Runs the functions that user code has registered."""
    content = json.loads(content)
    message = {
        "header": {"msg_type": f"comm_{'msg' if task['action'] == 'message' else task['action']}", **_header()},
        "parent_header": {},
        "metadata": content["metadata"],
        "content": {"comm_id": task["id"], "data": content["data"]},
        "buffers": [memoryview(binascii.a2b_base64(each)) for each in content["buffers"]],
    }
    if task["action"] == "open":
        message["content"]["target_name"] = task["target"]
    take = {"open": _manager.comm_open, "message": _manager.comm_msg, "close": _manager.comm_close}[task["action"]]
    cells = namespace.current
    call = take, None, None, message
    try:
        if cells.around is None:
            cells.call(*call)
        else:
            cells.around(call)
    finally:
        cells.end(None, os.getpid() != streams.current.worker_pid)


def _header():
    from worker.interactive import request_id

    return {"msg_id": request_id(), "session": "", "username": "", "version": "5.3"}


def open_comms(target):
    """Return the open comms, for all targets if ``target`` is empty."""
    chosen = [comm for comm in _manager.comms.values() if not target or comm.target_name == target]
    found, chars = [], 0
    for comm in chosen[:COMMS_LIMIT]:
        comm_id, name = str(comm.comm_id), str(comm.target_name)
        chars += len(comm_id) + len(name)
        if chars > TEXT_LIMIT_CHARS:
            break
        found.append({"id": comm_id, "target": name})
    return {"comms": found, "omitted": len(chosen) - len(found)}


def _name(name):
    if not isinstance(name, str) or len(name) > NAME_LIMIT_CHARS:
        raise ValueError(f"the id and the target of a comm must be str of at most {NAME_LIMIT_CHARS} characters")
    return name
