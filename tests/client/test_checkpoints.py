"""``client.checkpoints``: what a block with a checkpoint does, whatever happens in it."""

import pytest

from interpreterd.client import AsyncInterpreter, Checkpoint, CheckpointNotFound

DATA = {"id": "k1", "name": ""}


class Asked:
    """Stands for a context: notes what a checkpoint asks of it, and fails as planned."""

    def __init__(self, **errors: Exception) -> None:
        self.asked: list[str] = []
        self._errors = errors

    def checkpoint(self) -> Checkpoint[None]:
        return Checkpoint(DATA, lambda it: self._ask("restore"), lambda it: self._ask("delete"))

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if what in self._errors:
            raise self._errors[what]


def not_found() -> CheckpointNotFound:
    return CheckpointNotFound("Checkpoint not found: k1", "checkpoint_not_found", 404)


def test_a_good_block_ends_the_checkpoint() -> None:
    context = Asked()
    with context.checkpoint():
        assert context.asked == []
    assert context.asked == ["delete"]


def test_a_block_that_raises_goes_back_and_its_exception_goes_on() -> None:
    context = Asked()
    with pytest.raises(LookupError), context.checkpoint():
        raise LookupError
    assert context.asked == ["restore", "delete"]


def test_a_checkpoint_that_the_block_has_deleted_is_no_error() -> None:
    context = Asked(delete=not_found())
    with context.checkpoint():
        pass
    assert context.asked == ["delete"]


def test_a_block_that_cannot_be_undone_says_so_and_keeps_the_checkpoint() -> None:
    context = Asked(restore=not_found())
    with pytest.raises(CheckpointNotFound) as caught, context.checkpoint():
        raise LookupError("why")
    assert isinstance(caught.value.__context__, LookupError)
    assert context.asked == ["restore"]


def test_it_is_named_in_a_debugger() -> None:
    assert repr(Asked().checkpoint()) == "Checkpoint('k1', name='')"


async def test_asyncio_needs_no_await_before_the_block(url: str) -> None:
    async with AsyncInterpreter(url) as py, await py.create_context() as context:
        await context.execute("x = 1")

        async def fail() -> None:
            async with context.checkpoint("it") as checkpoint:
                assert checkpoint.name == "it"
                await context.execute("x = 2")
                raise LookupError

        with pytest.raises(LookupError):
            await fail()
        assert (await context.execute("print(x)")).stdout == "1\n"
        kept = await context.checkpoint()
        assert [it.id for it in await context.checkpoints()] == [kept.id]
        assert repr(kept) == f"AsyncCheckpoint({kept.id!r}, name='')"
