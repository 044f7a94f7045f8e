"""The messages of envd's RPCs, as classes of the protobuf library: their names, fields and numbers are E2B's.

The library has both codecs. It is imported with this module, at the first RPC.
"""

from collections.abc import Mapping
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2
from google.protobuf.message import Message as Message

_TYPES: Final = {"string": 9, "bytes": 12, "bool": 8, "uint32": 13, "int64": 3, "sint32": 17}
_OPTIONAL, _REPEATED, _ENUM, _MESSAGE = 1, 3, 14, 11

# A field is ``name number type``. ``*`` stands before repeated fields, ``?`` before optional scalars, ``%`` before maps
# of strings, ``|`` before the fields of the message's only choice.
_PROCESS: Final[Mapping[str, str]] = {
    "PTY": "size 1 PTY.Size",
    "PTY.Size": "cols 1 uint32, rows 2 uint32",
    "ProcessConfig": "cmd 1 string, *args 2 string, %envs 3 string, ?cwd 4 string",
    "ListRequest": "",
    "ProcessInfo": "config 1 ProcessConfig, pid 2 uint32, ?tag 3 string",
    "ListResponse": "*processes 1 ProcessInfo",
    "StartRequest": "process 1 ProcessConfig, pty 2 PTY, ?tag 3 string, ?stdin 4 bool",
    "UpdateRequest": "process 1 ProcessSelector, pty 2 PTY",
    "UpdateResponse": "",
    "ProcessEvent": "|start 1 ProcessEvent.StartEvent, |data 2 ProcessEvent.DataEvent, |end 3 ProcessEvent.EndEvent, "
    "|keepalive 4 ProcessEvent.KeepAlive",
    "ProcessEvent.StartEvent": "pid 1 uint32",
    "ProcessEvent.DataEvent": "|stdout 1 bytes, |stderr 2 bytes, |pty 3 bytes",
    "ProcessEvent.EndEvent": "exit_code 1 sint32, exited 2 bool, status 3 string, ?error 4 string",
    "ProcessEvent.KeepAlive": "",
    "StartResponse": "event 1 ProcessEvent",
    "ConnectResponse": "event 1 ProcessEvent",
    "SendInputRequest": "process 1 ProcessSelector, input 2 ProcessInput",
    "SendInputResponse": "",
    "ProcessInput": "|stdin 1 bytes, |pty 2 bytes",
    "StreamInputRequest": "|start 1 StreamInputRequest.StartEvent, |data 2 StreamInputRequest.DataEvent, "
    "|keepalive 3 StreamInputRequest.KeepAlive",
    "StreamInputRequest.StartEvent": "process 1 ProcessSelector",
    "StreamInputRequest.DataEvent": "input 2 ProcessInput",
    "StreamInputRequest.KeepAlive": "",
    "StreamInputResponse": "",
    "SendSignalRequest": "process 1 ProcessSelector, signal 2 Signal",
    "SendSignalResponse": "",
    "CloseStdinRequest": "process 1 ProcessSelector",
    "CloseStdinResponse": "",
    "ConnectRequest": "process 1 ProcessSelector",
    "ProcessSelector": "|pid 1 uint32, |tag 2 string",
}
_FILESYSTEM: Final[Mapping[str, str]] = {
    "MoveRequest": "source 1 string, destination 2 string",
    "MoveResponse": "entry 1 EntryInfo",
    "MakeDirRequest": "path 1 string",
    "MakeDirResponse": "entry 1 EntryInfo",
    "RemoveRequest": "path 1 string",
    "RemoveResponse": "",
    "StatRequest": "path 1 string",
    "StatResponse": "entry 1 EntryInfo",
    "EntryInfo": "name 1 string, type 2 FileType, path 3 string, size 4 int64, mode 5 uint32, permissions 6 string, "
    "owner 7 string, group 8 string, modified_time 9 .google.protobuf.Timestamp, ?symlink_target 10 string, "
    "%metadata 11 string, is_symlink 12 bool",
    "ListDirRequest": "path 1 string, depth 2 uint32",
    "ListDirResponse": "*entries 1 EntryInfo",
    "WatchDirRequest": "path 1 string, recursive 2 bool, include_entry 3 bool, allow_network_mounts 4 bool",
    "FilesystemEvent": "name 1 string, type 2 EventType, entry 3 EntryInfo",
    "WatchDirResponse": "|start 1 WatchDirResponse.StartEvent, |filesystem 2 FilesystemEvent, "
    "|keepalive 3 WatchDirResponse.KeepAlive",
    "WatchDirResponse.StartEvent": "",
    "WatchDirResponse.KeepAlive": "",
    "CreateWatcherRequest": "path 1 string, recursive 2 bool, include_entry 3 bool, allow_network_mounts 4 bool",
    "CreateWatcherResponse": "watcher_id 1 string",
    "GetWatcherEventsRequest": "watcher_id 1 string",
    "GetWatcherEventsResponse": "*events 1 FilesystemEvent",
    "RemoveWatcherRequest": "watcher_id 1 string",
    "RemoveWatcherResponse": "",
}
_SIGNALS: Final = {"SIGNAL_UNSPECIFIED": 0, "SIGNAL_SIGTERM": 15, "SIGNAL_SIGKILL": 9}
_FILE_TYPES: Final = {"UNSPECIFIED": 0, "FILE": 1, "DIRECTORY": 2, "SYMLINK": 3}
_EVENT_TYPES: Final = {"UNSPECIFIED": 0, "CREATE": 1, "WRITE": 2, "REMOVE": 3, "RENAME": 4, "CHMOD": 5}
_ENUMS: Final[Mapping[str, Mapping[str, int]]] = {
    "Signal": _SIGNALS,
    "FileType": {f"FILE_TYPE_{name}": number for name, number in _FILE_TYPES.items()},
    "EventType": {f"EVENT_TYPE_{name}": number for name, number in _EVENT_TYPES.items()},
}


def _described(package: str, messages: Mapping[str, str], enums: tuple[str, ...]) -> descriptor_pb2.FileDescriptorProto:
    """Return the descriptor of a file of the protobuf language, version 3, that has these messages."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
    file.dependency.append(timestamp_pb2.DESCRIPTOR.name)
    for name in enums:
        enum = file.enum_type.add(name=name)
        for value, number in _ENUMS[name].items():
            enum.value.add(name=value, number=number)
    made: dict[str, Any] = {}
    for name, fields in messages.items():
        outer, _, inner = name.rpartition(".")
        made[name] = (made[outer].nested_type if outer else file.message_type).add(name=inner)
        choices = [field for field in fields.split(", ") if field.startswith("|")]
        if choices:
            made[name].oneof_decl.add(name="choice")
        for field in filter(None, fields.split(", ")):
            _add_field(package, made[name], name, field)
    return file


def _add_field(package: str, message: Any, message_name: str, field: str) -> None:
    name, number, kind = field.lstrip("*?%|").split()
    added = message.field.add(name=name, number=int(number), label=_REPEATED if field[0] in "*%" else _OPTIONAL)
    if field[0] == "%":
        entry = message.nested_type.add(name=f"{name.capitalize()}Entry")
        entry.options.map_entry = True
        for key, place in (("key", 1), ("value", 2)):
            entry.field.add(name=key, number=place, label=_OPTIONAL, type=_TYPES["string"])
        added.type, added.type_name = _MESSAGE, f".{package}.{message_name}.{entry.name}"
    elif kind in _TYPES:
        added.type = _TYPES[kind]
    else:
        added.type = _ENUM if kind in _ENUMS else _MESSAGE
        added.type_name = kind if kind.startswith(".") else f".{package}.{kind}"
    if field[0] == "|":
        added.oneof_index = 0
    elif field[0] == "?":
        added.proto3_optional = True
        added.oneof_index = len(message.oneof_decl)
        message.oneof_decl.add(name=f"_{name}")


_pool: Final = descriptor_pool.DescriptorPool()
_pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
_pool.AddSerializedFile(_described("process", _PROCESS, ("Signal",)).SerializeToString())
_pool.AddSerializedFile(_described("filesystem", _FILESYSTEM, ("FileType", "EventType")).SerializeToString())


def _classes(package: str, messages: Mapping[str, str]) -> dict[str, type[Message]]:
    found = {name: _pool.FindMessageTypeByName(f"{package}.{name}") for name in messages if "." not in name}
    return {name: message_factory.GetMessageClass(descriptor) for name, descriptor in found.items()}


PROCESS: Final = _classes("process", _PROCESS)
"""The messages of the service ``process.Process``, by their names."""
FILESYSTEM: Final = _classes("filesystem", _FILESYSTEM)
"""The messages of the service ``filesystem.Filesystem``, by their names."""
