"""Many tenants at once, each with contexts and a quota that it tries to exceed: for a soak run, and shorter for a test.

Each tenant has clients that run short code in its contexts. Now and then a client asks for one context too many, and
for an id of another tenant.
"""

import asyncio
import random
import statistics
import time
from collections import Counter
from typing import Any

import aiohttp
from attrs import define, field
from harness import PREFIX
from tenancy import Tokens

CODES = ("pass", "x = sum(range(20_000))", "print('y' * 2000)", "import time; time.sleep(0.005)", "1 / 0")
FOREIGN = ("GET", "DELETE", "PATCH")
LIMITS = 'max-contexts = {contexts}\nmax-running = {running}\nmax-queued = 50\ncontext-memory = "512M"\n'


@define
class Tenant:
    """One tenant, and what its clients have seen.

    Attributes:
        queued_s: How long each execution waited for its start.
        ended: Executions by outcome.
        refused: Requests beyond the quota, by their status.
        foreign: Answers to ids of other tenants, by status.
        most_contexts: The most that it ever had.
    """

    name: str
    headers: dict[str, str]
    contexts: list[str] = field(factory=list)
    queued_s: list[float] = field(factory=list)
    ended: Counter[str] = field(factory=Counter)
    refused: Counter[int] = field(factory=Counter)
    foreign: Counter[int] = field(factory=Counter)
    most_contexts: int = 0

    @property
    def p95_s(self) -> float:
        """The time within which 95 of 100 executions have started."""
        return statistics.quantiles(self.queued_s, n=20)[-1] if len(self.queued_s) > 1 else 0.0


@define
class Load:
    """The load of all tenants on one daemon."""

    url: str
    tenants: list[Tenant]
    contexts_each: int
    seed: str

    async def run(self, seconds: float, *, at_least: int = 1) -> None:
        """Load the daemon for ``seconds``, and until each context has run ``at_least`` so many executions."""
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
            await asyncio.gather(*(self._create(http, tenant) for tenant in self.tenants))
            end = time.monotonic() + seconds
            await asyncio.gather(
                *(
                    self._use(http, tenant, number, end, at_least)
                    for tenant in self.tenants
                    for number in range(self.contexts_each)
                )
            )

    async def _create(self, http: aiohttp.ClientSession, tenant: Tenant) -> None:
        for _ in range(self.contexts_each):
            async with http.post(self.url + PREFIX + "/context", headers=tenant.headers) as response:
                assert response.status == 200, await response.text()
                tenant.contexts.append((await response.json())["id"])

    async def _use(self, http: aiohttp.ClientSession, tenant: Tenant, number: int, end: float, at_least: int) -> None:
        chance = random.Random(f"{self.seed} {tenant.name} {number}")
        context = tenant.contexts[number]
        path = self.url + PREFIX + "/session"
        async with http.ws_connect(path, headers=tenant.headers) as socket:
            done = 0
            while done < at_least or time.monotonic() < end:
                began = time.monotonic()
                await socket.send_json(
                    {"op": "execute", "requestId": "r", "code": chance.choice(CODES), "contextId": context}
                )
                while True:
                    event = await socket.receive_json()
                    if event.get("text") == "started":
                        tenant.queued_s.append(time.monotonic() - began)
                    if "outcome" in event:
                        tenant.ended[event["outcome"]] += 1
                        break
                done += 1
                if done % 10 == 1:
                    await self._exceed(http, tenant)
                    await self._intrude(http, tenant, chance)

    async def _exceed(self, http: aiohttp.ClientSession, tenant: Tenant) -> None:
        """Ask for a context beyond the quota."""
        async with http.post(self.url + PREFIX + "/context", headers=tenant.headers) as response:
            tenant.refused[response.status] += 1
        async with http.get(self.url + PREFIX + "/contexts", headers=tenant.headers) as response:
            tenant.most_contexts = max(tenant.most_contexts, len((await response.json())["contexts"]))

    async def _intrude(self, http: aiohttp.ClientSession, tenant: Tenant, chance: random.Random) -> None:
        """Ask for a context of another tenant."""
        other = chance.choice([it for it in self.tenants if it is not tenant])
        path = f"{self.url}{PREFIX}/context/{chance.choice(other.contexts)}"
        async with http.request(chance.choice(FOREIGN), path, headers=tenant.headers, json={}) as response:
            tenant.foreign[response.status] += 1

    def broken(self) -> list[str]:
        """Return the promises that were broken, except for fairness."""
        told = []
        for it in self.tenants:
            if set(it.foreign) != {404}:
                told.append(f"{it.name}: foreign ids were answered with {dict(it.foreign)}")
            if set(it.refused) != {429} or it.most_contexts > self.contexts_each:
                told.append(f"{it.name}: {it.most_contexts} contexts, one more was answered with {dict(it.refused)}")
        return told

    def starved(self) -> list[str]:
        """Return the tenants whose executions waited more than three times as long as the median tenant's."""
        median = statistics.median(it.p95_s for it in self.tenants)
        return [
            f"{it.name}: {it.p95_s:.3f} s, the median is {median:.3f} s" for it in self.tenants if it.p95_s > 3 * median
        ]

    async def miscounted(self, headers: dict[str, str]) -> list[str]:
        """Return the outcomes that the daemon's metrics count otherwise than the clients did."""
        async with aiohttp.ClientSession() as http, http.get(self.url + "/metrics", headers=headers) as response:
            assert response.status == 200, await response.text()
            shown = metrics_of(await response.text())
        seen: Counter[str] = Counter()
        for it in self.tenants:
            seen.update(it.ended)
        return [
            f"{key}: {shown.get(key, 0):g}, not {count}" for key, count in seen.items() if shown.get(key, 0) != count
        ]


def metrics_of(text: str) -> dict[str, float]:
    """Return how many executions the metrics count, by outcome."""
    found: dict[str, float] = {}
    for line in text.splitlines():
        if line.startswith("interpreterd_executions_total{"):
            labels, _, value = line.rpartition(" ")
            outcome = labels.split('outcome="')[1].split('"')[0]
            found[outcome] = found.get(outcome, 0) + float(value)
    return found


def tables(names: list[str], contexts: int, running: int) -> str:
    """Return the tables of tenants, for a file of tokens."""
    limits = LIMITS.format(contexts=contexts, running=running)
    return "\n".join(f"[tenants.{name}]\n{limits}" for name in names)


def load_of(url: str, tokens: Tokens, names: list[str], contexts_each: int, seed: Any) -> Load:
    """Return the load of the tenants ``names``, whose tokens have the same names."""
    return Load(url, [Tenant(name, tokens.headers(name)) for name in names], contexts_each, str(seed))
