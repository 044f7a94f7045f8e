"""The Python that runs user code."""

from attrs import frozen


@frozen(kw_only=True)
class Python:
    """An interpreter.

    Attributes:
        executable: Path; in a virtual environment, the path inside it.
    """

    executable: str
    version: str
