"""The settings of files."""

from attrs import frozen

from interpreterd.setting_kinds import byte_size, setting


@frozen(kw_only=True, eq=False, repr=False)
class FileSettings:
    """The settings of files in contexts' directories. Sizes in bytes."""

    file_limit_bytes: int | None = setting(
        None, "size limit of an uploaded file, for example 2G (default: what the disk holds)", parse=byte_size
    )
