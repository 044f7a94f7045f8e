"""What an object is, as the text that Jupyter's front ends show for it."""

from typing import Any

from interpreterd.model.looks import Inspection


def inspect_content(found: Inspection) -> dict[str, Any]:
    """Return the content of an ``inspect_reply``."""
    data = {"text/plain": _text(found)} if found.found else {}
    return {"status": "ok", "found": found.found, "data": data, "metadata": {}}


def _text(found: Inspection) -> str:
    place = found.file if found.line is None else f"{found.file}:{found.line}"
    rows = [
        ("Signature", None if found.signature is None else _call(found)),
        ("Type", found.type),
        ("String form", found.value),
        ("File", place if found.file else None),
        ("Source", found.source),
        ("Docstring", found.docstring),
    ]
    return "\n".join(_row(label, text) for label, text in rows if text)


def _call(found: Inspection) -> str:
    signature = found.signature or ""
    return f"{found.name}{signature}" if signature.startswith("(") else signature


def _row(label: str, text: str) -> str:
    shown = f"\x1b[31m{label}:\x1b[39m"
    return f"{shown}\n{text}" if "\n" in text else f"{shown:<25} {text}"
