"""Tools of other servers as functions in Python: their names, and their schemas as signatures."""

import inspect
import keyword
import unicodedata
from collections.abc import Mapping
from typing import Any, Final

from attrs import frozen

_TYPES: Final[Mapping[str, type]] = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "array": list,
    "object": dict,
}


@frozen
class ToolSignature:
    """How a tool is called from code.

    Attributes:
        signature: Needed arguments first; one that may be left out has its default, or None.
    """

    signature: inspect.Signature
    _names: Mapping[str, str]  # of the tool's arguments, by the names of parameters

    @classmethod
    def of(cls, schema: Mapping[str, Any]) -> "ToolSignature":
        """Return the signature for the JSON schema of a tool's arguments, which a stranger may have written."""
        properties = schema.get("properties")
        if not isinstance(properties, Mapping):
            properties = {}
        required = schema.get("required")
        needed = [name for name in required if name in properties] if isinstance(required, list) else []
        names: dict[str, str] = {}
        parameters: list[inspect.Parameter] = []
        for name in [*dict.fromkeys(needed), *(it for it in properties if it not in needed)]:
            spelled = identifier(str(name))
            while spelled in names:
                spelled += "_"
            names[spelled] = str(name)
            inner = properties[name] if isinstance(properties[name], Mapping) else {}
            kind = inner.get("type")
            annotation = _TYPES.get(kind, inspect.Parameter.empty) if isinstance(kind, str) else inspect.Parameter.empty
            default = inspect.Parameter.empty if name in needed else inner.get("default")
            parameters.append(
                inspect.Parameter(
                    spelled, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=annotation
                )
            )
        return cls(inspect.Signature(parameters), names)

    def loose(self) -> "ToolSignature":
        """Return the signature that takes any keywords: those of the schema, under their own names."""
        return ToolSignature(inspect.Signature([inspect.Parameter("arguments", inspect.Parameter.VAR_KEYWORD)]), {})

    def arguments(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the tool's arguments for a call from code. Raises TypeError as a call of a function does."""
        bound = self.signature.bind(*args, **kwargs).arguments
        if "arguments" not in self._names and "arguments" in self.signature.parameters:  # loose
            return dict(kwargs)
        parameters = self.signature.parameters
        # None for an argument that may be left out means that it is.
        return {
            self._names[name]: value
            for name, value in bound.items()
            if value is not None or parameters[name].default is inspect.Parameter.empty
        }


def identifier(name: str) -> str:
    """Return a name that Python takes for a variable, as much like ``name`` as possible."""
    normal = unicodedata.normalize("NFKC", name)  # as Python does with names in code
    spelled = "".join(it if f"_{it}".isidentifier() else "_" for it in normal) or "_"
    if not spelled.isidentifier():  # a digit comes first
        spelled = "_" + spelled
    if spelled.startswith("__"):
        spelled = "x" + spelled
    return spelled + "_" if keyword.iskeyword(spelled) else spelled
