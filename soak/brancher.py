"""One client of the phase ``state``: its acts, and what they must lead to."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

import aiohttp
from harness import Client

from soak.branch import Branch, Family, Kept, Log
from soak.report import Phase

PATIENCE_S = 60.0  # for one act
BRANCHES = 4
KEPT = 5
ARCHIVES = 3
COPIES = 3
GONE_AFTER_S = 10.0


class Brancher:
    """Performs one act after the other on its family of contexts."""

    def __init__(self, client: Client, phase: Phase, chooser: random.Random, name: str) -> None:
        """``name`` is that of the family's processes, and of no others."""
        self._phase = phase
        self._random = chooser
        self._family = Family(client, phase, name)
        self._archives: dict[str, Log] = {}

    async def act_until(self, until: float) -> None:
        """Act, then delete everything; nothing of it may be left."""
        acts: list[Callable[[Branch], Awaitable[object]]] = [
            self._step,
            self._fork,
            self._fork,
            self._keep,
            self._keep,
            self._list,
            self._restore,
            self._restore,
            self._run_and_undo,
            self._let_go,
            self._archive,
            self._load,
            self._hibernate,
            self._restart,
            self._delete,
            *self.faults(),
        ]
        while time.monotonic() < until:
            act = self._random.choice(acts)
            name = act.__name__.strip("_").replace("_", " ")
            try:
                async with asyncio.timeout(PATIENCE_S):
                    while len(self._family.branches) > BRANCHES:
                        await self._delete(self._random.choice(self._family.branches))
                    branch = await self._some_branch()
                    self._phase.count("acts", name)
                    start = time.monotonic()
                    await act(branch)
                    self._phase.seconds[f"act: {name}"].append(time.monotonic() - start)
            except TimeoutError:
                self._phase.expect(False, f"{name} came to no end")
                self._family.branches.clear()
            except (AssertionError, aiohttp.ClientError) as error:
                self._phase.expect(False, f"{name}: {error!r}")
                self._family.branches.clear()
        await self._tidy_up()

    def faults(self) -> list[Callable[[Branch], Awaitable[object]]]:
        """Return what else it does; those of a subclass."""
        return []

    async def _tidy_up(self) -> None:
        for branch in list(self._family.branches):
            await self._delete(branch)
        for archive in list(self._archives):
            status, told = await self._family.ask("DELETE", f"/archives/{archive}")
            self._phase.expect(status == 200, f"an archive cannot be deleted: {told}")
        end = time.monotonic() + GONE_AFTER_S
        while time.monotonic() < end:
            if not self._family.processes():
                return
            await asyncio.sleep(0.1)
        self._phase.expect(False, f"processes of deleted contexts are left: {self._family.processes()}")

    async def _some_branch(self) -> Branch:
        if self._family.branches:
            return self._random.choice(self._family.branches)
        status, told = await self._family.ask("POST", "/context", {})
        assert status == 200, told
        return await self._met(Branch(told["id"], self._family.name))

    async def _met(self, branch: Branch) -> Branch:
        """Add a new context, and let it be used once: then its worker is known."""
        self._family.branches.append(branch)
        await self._family.step(branch)
        return branch

    # The acts

    async def _step(self, branch: Branch) -> None:
        await self._family.step(branch)

    async def _fork(self, branch: Branch) -> None:
        """Fork it: each copy has the same behind it, its own randomness, and its own future."""
        await self._family.step(branch)
        count = self._random.randrange(1, COPIES + 1)
        status, told = await self._family.ask("POST", f"/context/{branch.id}/fork", {"count": count})
        self._phase.expect(status == 200, f"a fork is refused: {told}")
        if status != 200:
            return
        self._phase.expect(len(told["contexts"]) == count, f"{count} forks: {told}")
        chances = []
        for made in told["contexts"]:
            self._phase.expect(made["forkedFrom"] == branch.id, f"a fork of {branch.id}: {made}")
            copy = Branch(made["id"], branch.name, set(branch.logs))
            self._family.branches.append(copy)
            chances.append(await self._family.step(copy))
        chances.append(await self._family.step(branch))
        self._phase.expect(len({*chances}) == count + 1, f"forks have the same randomness: {chances}")
        pids = [it.worker for it in self._family.branches if it.worker]  # one that hibernates has none
        self._phase.expect(len({*pids}) == len(pids), f"contexts share workers: {self._family.branches}")

    async def _keep(self, branch: Branch) -> None:
        """Take a checkpoint."""
        if branch.log is None or not branch.worker:  # it may hibernate: then the name of its next process is not known
            await self._family.step(branch)
        if len(branch.kept) >= KEPT:
            await self._let_go(branch)
        await self._keep_now(branch)

    async def _keep_now(self, branch: Branch) -> Kept | None:
        before = self._family.processes()
        status, told = await self._family.ask("POST", f"/context/{branch.id}/checkpoints", {})
        self._phase.expect(status == 200, f"a checkpoint is refused: {told}")
        if status != 200 or branch.log is None:
            return None
        new = self._family.processes() - before
        self._phase.expect(len(new) == 1, f"a checkpoint has the processes {new}")
        kept = branch.kept[told["id"]] = Kept(told["id"], branch.log, min(new, default=0))
        return kept

    async def _list(self, branch: Branch) -> None:
        """Compare the list of checkpoints with what it must be."""
        status, told = await self._family.ask("GET", f"/context/{branch.id}/checkpoints")
        self._phase.expect(status == 200, f"no list: {told}")
        listed = [it["id"] for it in told.get("checkpoints", [])]
        wanted = [it.id for it in branch.kept.values() if not it.is_killed]
        self._phase.expect([it for it in listed if it in wanted] == wanted, f"checkpoints {listed}, model {branch}")
        strange = [it["id"] for it in told["checkpoints"] if it["id"] not in branch.kept and not it["automatic"]]
        self._phase.expect(not strange, f"checkpoints that nobody took: {strange}, model {branch}")

    async def _restore(self, branch: Branch) -> None:
        """Go back to a checkpoint; to one whose process was killed, nobody can."""
        if not branch.kept:
            return
        kept = self._random.choice(list(branch.kept.values()))
        await self._restore_to(branch, kept)
        await self._family.step(branch)

    async def _restore_to(self, branch: Branch, kept: Kept, *, dying: bool = False) -> None:
        """Go back to it; while the worker is ``dying``, the first attempt may fail with it."""
        wish = f"/context/{branch.id}/restore", {"checkpoint": kept.id}
        status, told = await self._family.ask("POST", *wish)
        if dying and told.get("code") == "operation_failed":
            status, told = await self._family.ask("POST", *wish)
        if kept.is_killed:
            self._phase.expect(status in (404, 409, 410), f"a killed checkpoint is restored: {status} {told}")
            del branch.kept[kept.id]
            return
        self._phase.expect(status == 200, f"a restore is refused: {told}")
        if status == 200:
            self._phase.expect(told["restored"]["id"] == kept.id, f"restored: {told}")
            branch.be(kept.log)

    async def _run_and_undo(self, branch: Branch) -> None:
        """Run something with a checkpoint before it, and undo that."""
        await self._family.step(branch)
        before = branch.log
        if before is None:
            return
        await self._family.step(branch, checkpoint=True)
        status, told = await self._family.ask("POST", f"/context/{branch.id}/undo")
        self._phase.expect(status == 200, f"an undo is refused: {told}")
        if status == 200:
            branch.be(before)
        await self._family.step(branch)

    async def _let_go(self, branch: Branch) -> None:
        """Delete a checkpoint."""
        if not branch.kept:
            return
        kept = branch.kept.pop(self._random.choice(list(branch.kept)))
        status, told = await self._family.ask("DELETE", f"/context/{branch.id}/checkpoints/{kept.id}")
        wanted = (200, 404) if kept.is_killed else (200,)
        self._phase.expect(status in wanted, f"a checkpoint cannot be deleted: {status} {told}")
        status, _ = await self._family.ask("POST", f"/context/{branch.id}/restore", {"checkpoint": kept.id})
        self._phase.expect(status == 404, f"a deleted checkpoint: {status}")

    async def _archive(self, branch: Branch) -> None:
        """Write it to disk."""
        if branch.log is None:
            await self._family.step(branch)
        status, told = await self._family.ask("POST", f"/context/{branch.id}/archive", {})
        self._phase.expect(status == 200, f"an archive is refused: {told}")
        if status != 200 or branch.log is None:
            return
        self._phase.expect("log" in told["saved"] and not told["skipped"], f"an archive is not whole: {told}")
        self._archives[told["archiveId"]] = branch.log
        if len(self._archives) > ARCHIVES:
            oldest = next(iter(self._archives))
            del self._archives[oldest]
            status, told = await self._family.ask("DELETE", f"/archives/{oldest}")
            self._phase.expect(status == 200, f"an archive cannot be deleted: {told}")
            status, _ = await self._family.ask("POST", "/context", {"archive": oldest})
            self._phase.expect(status == 404, f"a deleted archive: {status}")

    async def _load(self, branch: Branch) -> None:
        """Make a context from an archive."""
        if not self._archives:
            return
        archive = self._random.choice(list(self._archives))
        status, told = await self._family.ask("POST", "/context", {"archive": archive})
        self._phase.expect(status == 200, f"an archive cannot be loaded: {told}")
        if status == 200:
            await self._met(Branch(told["id"], branch.name, {self._archives[archive]}))

    async def _hibernate(self, branch: Branch) -> None:
        """Let it hibernate; its next execution finds everything as it was."""
        if branch.log is None:
            await self._family.step(branch)
        status, told = await self._family.ask("POST", f"/context/{branch.id}/hibernate")
        self._phase.expect(status == 200, f"it does not hibernate: {told}")
        if status == 200:
            self._phase.expect(told["state"] == "hibernating", f"it hibernates: {told}")
            branch.worker = 0
        if self._random.random() < 0.7:
            await self._family.step(branch)

    async def _restart(self, branch: Branch) -> None:
        """Give it a new worker: what was in it is gone, and its checkpoints stay."""
        status, told = await self._family.ask("POST", f"/context/{branch.id}/restart")
        self._phase.expect(status == 200, f"restart: {told}")
        branch.be(())
        branch.may_restart = True
        await self._family.step(branch)

    async def _delete(self, branch: Branch) -> None:
        """Delete it, and everything that belongs to it."""
        status, told = await self._family.ask("DELETE", f"/context/{branch.id}")
        self._phase.expect(status == 200, f"DELETE: {told}")
        self._family.branches.remove(branch)
        verb = self._random.choice(("fork", "checkpoints", "undo", "archive", "hibernate"))
        status, told = await self._family.ask("POST", f"/context/{branch.id}/{verb}", {})
        self._phase.expect(status == 404, f"{verb} of a deleted context: {status} {told}")
