"""No execution takes longer than its context allows, whatever timeout its client wants."""

from harness import Client


async def test_a_client_that_wants_no_timeout_has_the_one_of_the_context(client: Client) -> None:
    context = await client.create(limits={"executionSeconds": 0.2})
    for keys in ({"timeout": 0}, {"timeout": 600}, {}):
        result = await client.run("x = 1\nwhile True: pass", context, **keys)
        assert (result.close_code, result.error["name"]) == (4008, "TimeoutError"), result
    result = await client.run("print(x)", context)
    assert result.stdout == "1\n"
