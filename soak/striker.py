"""A client of the phase ``state`` that also kills: workers, parked copies, copies in the making."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from soak.branch import Branch, Kept, Log
from soak.brancher import Brancher

STRIKE_WITHIN_S = 0.02


class Striker(Brancher):
    """Performs the acts of a brancher, and strikes at its own family of processes."""

    def faults(self) -> list[Callable[[Branch], Awaitable[object]]]:
        """Return its faults, each as often as it is to be chosen."""
        return [self._kill_worker, self._kill_parked, self._strike_meanwhile, self._strike_meanwhile]

    async def _kill_worker(self, branch: Branch) -> None:
        if branch.worker and self._family.kill(branch.worker):
            self._phase.count("faults", "worker killed")
            branch.logs, branch.must_restart = {()}, True
            if branch.kept and self._random.random() < 0.5:
                await self._restore_to(branch, self._random.choice(list(branch.kept.values())), dying=True)
                branch.may_restart = True  # whether it tells so before or after, there was a new worker
                branch.must_restart = False
            await self._family.step(branch)

    async def _kill_parked(self, branch: Branch) -> None:
        """Kill the process of a checkpoint: it is gone, and nothing else is."""
        living = [it for it in branch.kept.values() if not it.is_killed and it.pid]
        if living:
            kept = self._random.choice(living)
            if self._family.kill(kept.pid):
                self._phase.count("faults", "parked copy killed")
                kept.is_killed = True
        await self._family.step(branch)

    async def _strike_meanwhile(self, branch: Branch) -> None:
        """Kill the worker, a copy in the making, or a parked copy in the middle of an operation."""
        if branch.log is None:
            await self._family.step(branch)
        before, known = branch.log, self._family.processes()
        kept = self._random.choice([None, *branch.kept.values()])
        wishes: dict[str, tuple[str, dict[str, Any]]] = {
            "fork": (f"/context/{branch.id}/fork", {"count": 2}),
            "checkpoint": (f"/context/{branch.id}/checkpoints", {}),
            "archive": (f"/context/{branch.id}/archive", {}),
            "hibernate": (f"/context/{branch.id}/hibernate", {}),
        }
        if kept is not None:
            wishes["restore"] = (f"/context/{branch.id}/restore", {"checkpoint": kept.id})
        name = self._random.choice(list(wishes))
        asking = asyncio.create_task(self._family.ask("POST", wishes[name][0], wishes[name][1]))
        await asyncio.sleep(self._random.random() * STRIKE_WITHIN_S)
        victims = self._victims(branch, kept, known)
        victim = self._random.choice(list(victims))
        hit = self._family.kill(victims[victim])
        self._phase.count("faults", f"{victim} killed during {name}" if hit else f"nothing killed during {name}")
        status, told = await asking
        branch.logs = {before or (), *([kept.log] if name == "restore" and kept is not None else [])}
        branch.may_restart = True
        if victim == "parked copy" and kept is not None and hit:
            kept.is_killed = True
        if status == 200:
            await self._take_over(branch, name, told, before or ())
        await self._family.step(branch)

    def _victims(self, branch: Branch, kept: Kept | None, known: set[int]) -> dict[str, int]:
        victims = {"worker": branch.worker}
        if kept is not None and not kept.is_killed and kept.pid:
            victims["parked copy"] = kept.pid
        if new := self._family.processes() - known:
            victims["copy"] = self._random.choice(list(new))
        return victims

    async def _take_over(self, branch: Branch, name: str, told: dict[str, Any], before: Log) -> None:
        """Add what an operation has made in spite of a fault: it may be dead, but never be something else."""
        if name == "fork":
            for made in told["contexts"]:
                copy = Branch(made["id"], branch.name, {before}, may_restart=True)
                await self._met(copy)
        elif name == "checkpoint":
            status, _ = await self._family.ask("DELETE", f"/context/{branch.id}/checkpoints/{told['id']}")
            self._phase.expect(status in (200, 404), f"a checkpoint cannot be deleted: {status}")
        elif name == "archive":
            # If the worker had died before its turn, this is the archive of a new one, which has nothing.
            self._archives[told["archiveId"]] = before if "log" in told["saved"] else ()
