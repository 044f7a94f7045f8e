"""The native dialect: its routes, and how it shows errors."""

import functools
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from aiohttp import web

from interpreterd.contexts.service import ContextService
from interpreterd.dialects.native.about import health, version
from interpreterd.dialects.native.archives import (
    archive_context,
    delete_archive,
    get_archive,
    get_archive_content,
    hibernate_context,
    list_archives,
    put_archive_content,
)
from interpreterd.dialects.native.calls import answer_call, list_calls
from interpreterd.dialects.native.comms import list_comms, list_history
from interpreterd.dialects.native.contexts import (
    change_context,
    create_context,
    delete_context,
    get_context,
    interrupt_context,
    list_contexts,
    list_created_contexts,
    restart_context,
)
from interpreterd.dialects.native.documents import asyncapi, openapi
from interpreterd.dialects.native.errors import error_answer
from interpreterd.dialects.native.execute_socket import execute
from interpreterd.dialects.native.executions import (
    answer_input,
    follow_context,
    follow_execution,
    get_execution,
    interrupt_execution,
    list_executions,
    post_execution,
)
from interpreterd.dialects.native.files import delete_file, get_file, list_context_files, put_file
from interpreterd.dialects.native.forks import (
    delete_checkpoint,
    fork_context,
    list_checkpoints,
    make_checkpoint,
    restore_checkpoint,
    undo_execution,
)
from interpreterd.dialects.native.looks import check_complete, complete, inspect, list_variables
from interpreterd.dialects.native.session_socket import session
from interpreterd.dialects.native.stats import get_metrics, get_stats, list_stats
from interpreterd.http.errors import ErrorAnswer, Handler, HttpError
from interpreterd.http.uploads import not_yet
from interpreterd.model.errors import InterpreterError
from interpreterd.model.names import HEALTH_PATH, METRICS_PATH, NATIVE_PATH

_ServiceHandler = Callable[[ContextService, web.Request], Awaitable[web.StreamResponse]]


class Native:
    """See ``dialect.Dialect``."""

    name: Final = "native"

    def routes(self, service: ContextService) -> Iterable[web.RouteDef]:
        """Return the routes of README's table."""

        def by(handler: _ServiceHandler) -> Handler:
            return functools.partial(handler, service)

        return [
            web.get(HEALTH_PATH, by(health)),
            web.get("/version", by(version)),
            web.get("/openapi.json", openapi),
            web.get("/asyncapi.json", asyncapi),
            web.get(METRICS_PATH, by(get_metrics), allow_head=False),
            web.get(NATIVE_PATH + "/stats", by(list_stats)),
            web.post(NATIVE_PATH + "/context", by(create_context)),
            web.get(NATIVE_PATH + "/context", by(list_created_contexts)),
            web.get(NATIVE_PATH + "/contexts", by(list_contexts)),
            web.get(NATIVE_PATH + "/context/{id}", by(get_context)),
            web.patch(NATIVE_PATH + "/context/{id}", by(change_context)),
            web.delete(NATIVE_PATH + "/context/{id}", by(delete_context)),
            web.post(NATIVE_PATH + "/context/{id}/interrupt", by(interrupt_context)),
            web.post(NATIVE_PATH + "/context/{id}/restart", by(restart_context)),
            web.get(NATIVE_PATH + "/context/{id}/stats", by(get_stats)),
            web.get(NATIVE_PATH + "/context/{id}/executions", by(list_executions)),
            web.post(NATIVE_PATH + "/context/{id}/complete", by(complete)),
            web.post(NATIVE_PATH + "/context/{id}/inspect", by(inspect)),
            web.post(NATIVE_PATH + "/context/{id}/isComplete", by(check_complete)),
            web.get(NATIVE_PATH + "/context/{id}/variables", by(list_variables)),
            web.get(NATIVE_PATH + "/context/{id}/history", by(list_history)),
            web.get(NATIVE_PATH + "/context/{id}/comms", by(list_comms)),
            web.get(NATIVE_PATH + "/context/{id}/events", by(follow_context), allow_head=False),
            web.get(NATIVE_PATH + "/context/{id}/files", by(list_context_files)),
            web.get(NATIVE_PATH + "/context/{id}/files/{path:(?s:.+)}", by(get_file)),
            web.put(NATIVE_PATH + "/context/{id}/files/{path:(?s:.+)}", by(put_file), expect_handler=not_yet),
            web.delete(NATIVE_PATH + "/context/{id}/files/{path:(?s:.+)}", by(delete_file)),
            web.post(NATIVE_PATH + "/context/{id}/fork", by(fork_context)),
            web.get(NATIVE_PATH + "/context/{id}/checkpoints", by(list_checkpoints)),
            web.post(NATIVE_PATH + "/context/{id}/checkpoints", by(make_checkpoint)),
            web.delete(NATIVE_PATH + "/context/{id}/checkpoints/{checkpoint}", by(delete_checkpoint)),
            web.post(NATIVE_PATH + "/context/{id}/restore", by(restore_checkpoint)),
            web.post(NATIVE_PATH + "/context/{id}/undo", by(undo_execution)),
            web.post(NATIVE_PATH + "/context/{id}/archive", by(archive_context)),
            web.post(NATIVE_PATH + "/context/{id}/hibernate", by(hibernate_context)),
            web.get(NATIVE_PATH + "/archives", by(list_archives)),
            web.get(NATIVE_PATH + "/archives/{id}", by(get_archive)),
            web.delete(NATIVE_PATH + "/archives/{id}", by(delete_archive)),
            web.get(NATIVE_PATH + "/archives/{id}/content", by(get_archive_content)),
            web.put(NATIVE_PATH + "/archives/{id}/content", by(put_archive_content), expect_handler=not_yet),
            web.get(NATIVE_PATH + "/executions/{id}", by(get_execution)),
            web.post(NATIVE_PATH + "/executions/{id}/interrupt", by(interrupt_execution)),
            web.post(NATIVE_PATH + "/executions/{id}/input", by(answer_input)),
            web.get(NATIVE_PATH + "/executions/{id}/calls", by(list_calls)),
            web.post(NATIVE_PATH + "/executions/{id}/calls/{call}", by(answer_call)),
            web.get(NATIVE_PATH + "/executions/{id}/events", by(follow_execution), allow_head=False),
            web.post(NATIVE_PATH + "/execute", by(post_execution)),
            web.get(NATIVE_PATH + "/execute", by(execute), allow_head=False),
            web.get(NATIVE_PATH + "/session", by(session), allow_head=False),
        ]

    def show(self, error: InterpreterError | HttpError) -> ErrorAnswer:
        """Return the JSON of an error: a sentence, and its code."""
        return error_answer(error)
