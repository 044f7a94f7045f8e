"""The errors of files, as types; see ``errors``."""

from interpreterd.model.errors import InterpreterError, InvalidRequest


class InvalidPath(InvalidRequest):
    """A client's path cannot be the path of a file below a directory. Names the rule."""

    code = "invalid_path"


class FileError(InterpreterError):
    """Base of errors of one file; also for those that the system reports and no other class describes."""

    code = "file_failed"


class NoSuchFile(FileError):
    """There is no file of this name, or no directory of this context any more."""

    code = "file_not_found"


class PathOutside(FileError):
    """A symbolic link on the way leads out of the context's directory."""

    code = "path_outside"


class FileForbidden(FileError):
    """The system refuses it: permissions, a read-only file system."""

    code = "permission_denied"


class NotAFile(FileError):
    """It is a directory, a link, a FIFO, a socket or a device, where a regular file is needed."""

    code = "not_a_file"


class NotADirectory(FileError):
    """A part of the path, not the last one, is no directory."""

    code = "not_a_directory"


class DirectoryNotEmpty(FileError):
    """A directory that is to be deleted has entries."""

    code = "directory_not_empty"


class FileTooLarge(FileError):
    """An upload exceeds ``--file-limit-bytes``, or the largest size that the system allows."""

    code = "file_too_large"


class DirectoryTooLarge(FileTooLarge):
    """A directory has more in it than is copied for a fork."""

    code = "cwd_too_large"


class DiskFull(FileError):
    """The disk, or the user's quota, has no room."""

    code = "disk_full"


class ConditionFailed(FileError):
    """The file is not in the state that the client expects."""

    code = "precondition_failed"


class RangeOutside(FileError):
    """The client asks for bytes behind the end of the file.

    Attributes:
        size_bytes: The size of the file.
    """

    code = "range_not_satisfiable"

    def __init__(self, size_bytes: int) -> None:
        super().__init__(f"the range must begin before the end of the file, which has {size_bytes} bytes")
        self.size_bytes = size_bytes
