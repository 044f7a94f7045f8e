"""The routes of this dialect. It imports no other module of its folder.

Those of the lifecycle are below ``/v1`` in OpenSandbox's SDKs, and at the root in its description.
"""

from typing import Final

from interpreterd.dialects.late import LateRoute, Table

EXECD: Final = (
    LateRoute("GET", "/ping", "about:ping"),
    LateRoute("POST", "/code", "code:run"),
    LateRoute("DELETE", "/code", "code:interrupt"),
    LateRoute("POST", "/code/context", "contexts:create"),
    LateRoute("GET", "/code/contexts", "contexts:list_all", head=False),
    LateRoute("DELETE", "/code/contexts", "contexts:delete_all"),
    LateRoute("GET", "/code/contexts/{id}", "contexts:get"),
    LateRoute("DELETE", "/code/contexts/{id}", "contexts:delete"),
    LateRoute("POST", "/command", "command:run"),
    LateRoute("DELETE", "/command", "code:interrupt"),
)
"""Of a sandbox's execution daemon."""
LIFECYCLE: Final = tuple(
    LateRoute(method, version + path, f"sandboxes:{handler}")
    for version in ("/v1", "")
    for method, path, handler in (
        ("POST", "/sandboxes", "create"),
        ("GET", "/sandboxes", "list_all"),
        ("GET", "/sandboxes/{id}", "get"),
        ("DELETE", "/sandboxes/{id}", "delete"),
        ("GET", "/sandboxes/{id}/endpoints/{port}", "endpoint"),
        ("POST", "/sandboxes/{id}/renew-expiration", "renew"),
    )
)
"""Of the server that makes sandboxes."""
TABLE: Final = Table(
    routes=EXECD + LIFECYCLE,
    errors="errors:error_answer",
    headers=("X-EXECD-ACCESS-TOKEN", "OPEN-SANDBOX-API-KEY", "User-Agent: OpenSandbox-"),
)
