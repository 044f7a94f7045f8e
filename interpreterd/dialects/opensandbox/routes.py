"""The routes of this dialect. It imports no other module of its folder."""

from typing import Final

from interpreterd.dialects.late import LateRoute, Table

TABLE: Final = Table(
    routes=(LateRoute("GET", "/ping", "about:ping"),),
    errors="errors:error_answer",
    headers=("X-EXECD-ACCESS-TOKEN", "OPEN-SANDBOX-API-KEY", "User-Agent: OpenSandbox-"),
)
