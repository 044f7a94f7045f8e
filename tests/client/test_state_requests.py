"""``client.state_requests``: they have no limit of time, and cannot wait for themselves."""

from clients import Face


async def test_a_host_function_cannot_fork_the_context_that_waits_for_it(face: Face, url: str) -> None:
    async with face(url) as py:
        context = await py.create_context()
        raw = getattr(context, "it", context)

        async def fork_it() -> None:
            await raw.fork()

        def fork_it_too() -> None:
            raw.fork()

        function = fork_it_too if face.name == "sync" else fork_it
        failed = await context.execute("f()" if face.name == "sync" else "await f()", functions={"f": function})
        assert "a host function cannot use the context whose code is calling it" in failed.error.value
