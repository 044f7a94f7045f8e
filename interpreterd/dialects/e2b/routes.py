"""The routes of this dialect. It imports no other module of its folder."""

from typing import Final

from interpreterd.dialects.late import LateRoute, Table

CODE: Final = (
    LateRoute("GET", "/health", "about:health"),
    LateRoute("POST", "/execute", "execute:execute"),
    LateRoute("GET", "/contexts", "contexts:list_contexts", head=False),
    LateRoute("POST", "/contexts", "contexts:create_context"),
    LateRoute("DELETE", "/contexts/{id}", "contexts:delete_context"),
    LateRoute("POST", "/contexts/{id}/restart", "contexts:restart_context"),
)
"""Of the server for code, which E2B's SDKs look for on port 49999."""
_FILES, _RPC = "envd.errors:files_answer", "envd.errors:connect_answer"
ENVD: Final = (
    LateRoute("GET", "/files", "envd.files:read_file", errors=_FILES),
    LateRoute("POST", "/files", "envd.files:write_files", upload=True, errors=_FILES),
    LateRoute("GET", "/envs", "envd.files:tell_environment", head=False, errors=_FILES),
    LateRoute("GET", "/metrics", "envd.files:tell_metrics", head=False, errors=_FILES),
    LateRoute("POST", "/filesystem.Filesystem/{method}", "envd.filesystem:filesystem", errors=_RPC),
    LateRoute("POST", "/process.Process/{method}", "envd.process:process", errors=_RPC),
)
"""Of the server for files and commands, which E2B's SDKs look for on port 49983."""
TABLE: Final = Table(
    routes=CODE + ENVD,
    errors="errors:error_answer",
    state="sandbox:Sandbox",
    headers=("E2b-Sandbox-Id", "X-API-Key", "User-Agent: e2b-"),
)
