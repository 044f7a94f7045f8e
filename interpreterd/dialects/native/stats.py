"""Stats of contexts and metrics of the daemon, for those who operate it."""

from typing import Any

from aiohttp import hdrs, web

from interpreterd.contexts.service import ContextService
from interpreterd.http.answers import json_response
from interpreterd.http.keys import METRICS
from interpreterd.http.timestamp import timestamp
from interpreterd.model.stats import ContextStats, DaemonStats, ProcessStats

_OUTCOMES = ("completed", "interrupted", "lost", "cancelled")
_MEASURED = ("cpuPercent", "rssBytes", "pssBytes", "ussBytes", "exact", "threads", "processes", "descriptors")
_COUNTED = (
    "cpuSeconds",
    "raised",
    "running",
    "queued",
    "runningSeconds",
    "queuedSeconds",
    "outputBytes",
    "checkpoints",
    "checkpointBytes",
)
_SUMMED = tuple(key for key in (*_COUNTED, *_MEASURED, "diskBytes") if key != "exact")


async def get_stats(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Show what a context uses and has done."""
    (stats,) = (await service.stats(request.match_info["id"])).contexts
    return json_response(stats_body(stats))


async def list_stats(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Show what all contexts use and have done, their sum, and the daemon's own process."""
    found = await service.stats()
    bodies = [stats_body(it) for it in found.contexts]
    return json_response(
        {"at": timestamp(found.at), "contexts": bodies, "total": _total(bodies), "daemon": _daemon_body(found.daemon)}
    )


async def get_metrics(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Show the metrics as Prometheus reads them: as text, or as OpenMetrics if ``Accept`` prefers that."""
    metrics = request.app[METRICS]
    if not metrics.on:
        raise web.HTTPNotFound
    body, content_type = await metrics.expose(await service.readings(), request.headers.get(hdrs.ACCEPT, ""))
    return web.Response(body=body, headers={hdrs.CONTENT_TYPE: content_type})


def stats_body(stats: ContextStats) -> dict[str, Any]:
    """Return the stats of a context as JSON."""
    return {
        "contextId": stats.context_id,
        "state": stats.state,
        "at": timestamp(stats.at),
        "createdAt": timestamp(stats.created_at),
        "cpuSeconds": round(stats.cpu_s, 2),
        **_processes_body(stats.processes),
        "diskBytes": stats.disk_bytes,
        "executions": {outcome: stats.executions.get(outcome, 0) for outcome in _OUTCOMES},
        "raised": stats.raised,
        "running": stats.running,
        "queued": stats.queued,
        "runningSeconds": round(stats.running_s, 6),
        "queuedSeconds": round(stats.queued_s, 6),
        "outputBytes": stats.output_bytes,
        "restarts": dict(stats.restarts),
        "checkpoints": stats.checkpoints,
        "checkpointBytes": stats.checkpoint_bytes,
    }


def _processes_body(stats: ProcessStats | None) -> dict[str, Any]:
    if stats is None:
        return dict.fromkeys(_MEASURED)
    return {
        "cpuPercent": round(stats.cpu_percent, 1),
        "rssBytes": stats.resident_bytes,
        "pssBytes": stats.proportional_bytes,
        "ussBytes": stats.unique_bytes,
        "exact": stats.is_exact,
        "threads": stats.threads,
        "processes": stats.processes,
        "descriptors": stats.descriptors,
    }


def _total(bodies: list[dict[str, Any]]) -> dict[str, Any]:
    reasons = sorted({reason for it in bodies for reason in it["restarts"]})
    return {
        "contexts": len(bodies),
        **{key: round(sum(it[key] or 0 for it in bodies), 6) for key in _SUMMED},
        "executions": {outcome: sum(it["executions"][outcome] for it in bodies) for outcome in _OUTCOMES},
        "restarts": {reason: sum(it["restarts"].get(reason, 0) for it in bodies) for reason in reasons},
    }


def _daemon_body(stats: DaemonStats | None) -> dict[str, Any] | None:
    if stats is None:
        return None
    return {
        "pid": stats.pid,
        "startedAt": timestamp(stats.started_at),
        "cpuSeconds": round(stats.cpu_s, 2),
        "rssBytes": stats.resident_bytes,
        "threads": stats.threads,
        "descriptors": stats.descriptors,
        "descriptorLimit": stats.descriptor_limit,
    }
