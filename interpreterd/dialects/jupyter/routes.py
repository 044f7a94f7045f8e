"""The routes of this dialect. It imports no other module of its folder."""

from typing import Final

from interpreterd.dialects.late import LateRoute, Table

TABLE: Final = Table(
    routes=(LateRoute("GET", "/api", "about:api"),),
    errors="errors:error_answer",
)
