"""The logos of the kind of kernel, of our own drawing: a prompt."""

from base64 import b64decode
from collections.abc import Mapping
from typing import Final

_SVG: Final = b"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64" fill="none" \
stroke-width="6" stroke-linecap="round" \
stroke-linejoin="round"><rect x="2" y="2" width="60" height="60" rx="14" fill="#1f3a5f"/><path d="M16 20l12 12-12 12" \
stroke="#ffd43b"/><path d="M34 45h14" stroke="#fff"/></svg>
"""
# The same, drawn for the sizes that front ends ask for.
_PNG_32: Final = b64decode(
    """
iVBORw0KGgoAAAANSUhEUgAAACAAAAAgCAYAAABzenr0AAAA4klEQVR42mNgGGxA3ipeAojbgfgyEP8G4v8U4t9Qs0BmShCyPAaIP1PBUlwYZHYM
Psv/0wnHYAv2z3R0wGeU6IDGz38643ZkB1weAAdcRnbA7wFwwG9kB2BVVFwSBMa0cgReB4As/n/FGoznTvQeWAfQyhEEowBkKS0dQdABtHYEUQ6g
pSOIdgCtHEGSA7A5gtIsOrQcMKBRMKCJcECz4YAWRMQUxXZhZf8fP3v9Hx8AyYPU0aQy6pi26j8xAKSOrCggVB1TMwQGvEEy4E2yAW+UDmyzfMA7
JoOiazYoOqcDAQAD31c6G+IVvQAAAABJRU5ErkJggg==
"""
)
_PNG_64: Final = b64decode(
    """
iVBORw0KGgoAAAANSUhEUgAAAEAAAABACAYAAACqaXHeAAABqUlEQVR42u2bMWrDQBBFXegeAdc6QRJ3ghRpfIJE5DqqcgAXKXOBQE6gKrhJpyOo
tDEBF5udIIFjFlloR+C/8wc+GIHF/idpNbOaXSwYjNFxc/tceFVetVfr5a5EbTcmGVuhbTrzKr2aKzJ8SU035izWfO61BTJ+Lhl7PtX82msHbL6X
eFhPMX9MwHyv42gI3W2/S8j86Z2Qj5nwtgmaP50TsiEAZcLme5VDABoDAJqhJMcZURECUBkCUIUA1IYA1CEArSEAbQiAsyQCiAGwvH9ym9dHt/9a
/Ul+yzEzAMSw+777p4+3BygIUQDkqp8DQIMwCwAkCOqPABqE6ElQTCJDiH4NokNQyQOQIaglQqgQVDNBRAjqqTAahFlqASQIsxVDKBBmrQbHQJBk
Kuly+BIESacJgI8AJ0G+BpkIMRVmMcRymAsiXBIzuii6XL24zfun2x9+3NSQ/8o55Fxwy+IycK2Qc8F9GIm58qE7Ae7TGCwArY+jsI+AWuGEOgmm
2h9gvkXGfJOU+TY5242S5ltl2SzNdnlumOCWGW6a4rY5bpzk1lmGsfgFK+xJ8uz8S74AAAAASUVORK5CYII=
"""
)
LOGOS: Final[Mapping[str, tuple[str, bytes]]] = {
    "logo-svg.svg": ("image/svg+xml", _SVG),
    "logo-32x32.png": ("image/png", _PNG_32),
    "logo-64x64.png": ("image/png", _PNG_64),
}
"""The MIME type and the data of each file."""
