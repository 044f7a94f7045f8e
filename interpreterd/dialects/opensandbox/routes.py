"""The routes of this dialect. It imports no other module of its folder.

Those of the lifecycle are below ``/v1`` in OpenSandbox's SDKs, and at the root in its description.
"""

from typing import Final

from interpreterd.dialects.late import LateRoute, Table

EXECD: Final = (
    LateRoute("GET", "/ping", "about:ping"),
    LateRoute("POST", "/code", "code:run_code"),
    LateRoute("DELETE", "/code", "code:interrupt_code"),
    LateRoute("POST", "/code/context", "contexts:create_code_context"),
    LateRoute("GET", "/code/contexts", "contexts:list_code_contexts", head=False),
    LateRoute("DELETE", "/code/contexts", "contexts:delete_code_contexts"),
    LateRoute("GET", "/code/contexts/{id}", "contexts:get_code_context"),
    LateRoute("DELETE", "/code/contexts/{id}", "contexts:delete_code_context"),
    LateRoute("POST", "/command", "command:run_command"),
    LateRoute("DELETE", "/command", "code:interrupt_code"),
)
"""Of a sandbox's execution daemon."""
LIFECYCLE: Final = tuple(
    LateRoute(method, version + path, f"sandboxes:{handler}")
    for version in ("/v1", "")
    for method, path, handler in (
        ("POST", "/sandboxes", "create_sandbox"),
        ("GET", "/sandboxes", "list_sandboxes"),
        ("GET", "/sandboxes/{id}", "get_sandbox"),
        ("DELETE", "/sandboxes/{id}", "delete_sandbox"),
        ("GET", "/sandboxes/{id}/endpoints/{port}", "get_endpoint"),
        ("POST", "/sandboxes/{id}/renew-expiration", "renew_sandbox"),
    )
)
"""Of the server that makes sandboxes."""
TABLE: Final = Table(
    routes=EXECD + LIFECYCLE,
    errors="errors:error_answer",
    headers=("X-EXECD-ACCESS-TOKEN", "OPEN-SANDBOX-API-KEY", "User-Agent: OpenSandbox-"),
)
