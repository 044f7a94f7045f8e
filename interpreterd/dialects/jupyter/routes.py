"""The routes of this dialect. It imports no other module of its folder."""

from typing import Final

from interpreterd.dialects.late import LateRoute, Table

TABLE: Final = Table(
    routes=(
        LateRoute("GET", "/api", "about:api"),
        LateRoute("GET", "/api/kernelspecs", "kernelspecs:list_specs"),
        LateRoute("GET", "/api/kernelspecs/{name}", "kernelspecs:get_spec"),
        LateRoute("GET", "/kernelspecs/{name}/{file}", "kernelspecs:get_resource"),
        LateRoute("GET", "/api/kernels", "kernels:list_kernels"),
        LateRoute("POST", "/api/kernels", "kernels:create_kernel"),
        LateRoute("GET", "/api/kernels/{id}", "kernels:get_kernel"),
        LateRoute("DELETE", "/api/kernels/{id}", "kernels:delete_kernel"),
        LateRoute("POST", "/api/kernels/{id}/interrupt", "kernels:interrupt_kernel"),
        LateRoute("POST", "/api/kernels/{id}/restart", "kernels:restart_kernel"),
        LateRoute("GET", "/api/kernels/{id}/channels", "channels:channels", head=False),
        LateRoute("GET", "/api/sessions", "sessions:list_sessions"),
        LateRoute("POST", "/api/sessions", "sessions:create_session"),
        LateRoute("GET", "/api/sessions/{id}", "sessions:get_session"),
        LateRoute("PATCH", "/api/sessions/{id}", "sessions:change_session"),
        LateRoute("DELETE", "/api/sessions/{id}", "sessions:delete_session"),
    ),
    errors="errors:error_answer",
    state="hub:Hub",
)
