"""Answers to Prometheus: what it costs to answer is imported at the first question."""

import asyncio
from typing import TYPE_CHECKING

from interpreterd import __version__
from interpreterd.model.stats import Readings
from interpreterd.monitoring.counts import COUNTS
from interpreterd.monitoring.loop_lag import LoopLag
from interpreterd.monitoring.settings import MonitoringSettings

if TYPE_CHECKING:
    from interpreterd.monitoring.families import Family


class Metrics:
    """The metrics of a daemon.

    Attributes:
        on: Whether clients may ask for them.
    """

    def __init__(self, settings: MonitoringSettings) -> None:
        self.on = settings.metrics
        self._by_tenant = settings.metrics_by_tenant
        self._lag = LoopLag()

    def families(self, readings: Readings) -> "list[Family]":
        """Return all metrics now."""
        from interpreterd.monitoring.families import families

        return families(COUNTS, readings, by_tenant=self._by_tenant, loop_lag=self._lag.ask(), version=__version__)

    async def expose(self, readings: Readings, accept: str) -> tuple[bytes, str]:
        """Return them in a form that ``accept`` allows, and its content type."""
        found = self.families(readings)
        return await asyncio.to_thread(_expose, found, accept)

    def close(self) -> None:
        """Measure no more."""
        self._lag.close()


def _expose(found: "list[Family]", accept: str) -> tuple[bytes, str]:
    from interpreterd.monitoring.exposition import expose

    return expose(found, accept)
