"""The published SDKs of this API, unmodified, with a daemon as their server."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import daytona_toolbox_api_client
import daytona_toolbox_api_client_async
import httpx
from daytona._async.code_interpreter import AsyncCodeInterpreter
from daytona._sync.code_interpreter import CodeInterpreter
from daytona.common.code_interpreter import ExecutionResult


class InThreads:
    """The blocking SDK; each call runs in a thread."""

    def __init__(self, interpreter: CodeInterpreter) -> None:
        self._interpreter = interpreter

    async def run_code(self, code: str, **keys: Any) -> ExecutionResult:
        return await asyncio.to_thread(self._interpreter.run_code, code, **keys)

    async def create_context(self, **keys: Any) -> Any:
        return await asyncio.to_thread(self._interpreter.create_context, **keys)

    async def list_contexts(self) -> Any:
        return await asyncio.to_thread(self._interpreter.list_contexts)

    async def delete_context(self, context: Any) -> None:
        await asyncio.to_thread(self._interpreter.delete_context, context)


Interpreter = InThreads | AsyncCodeInterpreter


@contextlib.asynccontextmanager
async def sync_interpreter(url: str) -> AsyncIterator[InThreads]:
    """Return the blocking SDK's ``CodeInterpreter``."""
    api = daytona_toolbox_api_client.ApiClient(daytona_toolbox_api_client.Configuration(host=url))
    with httpx.Client() as http:
        yield InThreads(CodeInterpreter(daytona_toolbox_api_client.InterpreterApi(api), http))
    api.rest_client.pool_manager.clear()


@contextlib.asynccontextmanager
async def async_interpreter(url: str) -> AsyncIterator[AsyncCodeInterpreter]:
    """Return the asynchronous SDK's ``AsyncCodeInterpreter``."""
    api = daytona_toolbox_api_client_async.ApiClient(daytona_toolbox_api_client_async.Configuration(host=url))
    async with api, aiohttp.ClientSession() as session:
        api.http_session = session
        yield AsyncCodeInterpreter(daytona_toolbox_api_client_async.InterpreterApi(api))
