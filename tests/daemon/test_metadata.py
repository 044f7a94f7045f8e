"""Facts about a context for clients: metadata, environment, state, counts."""

from datetime import datetime
from typing import Any

import pytest
from harness import Client, Gate
from hypothesis import given
from hypothesis import strategies as st

from interpreterd.dialects.native.requests import parse_change, parse_create, parse_labels
from interpreterd.http.fields import ENVS_LIMIT_BYTES
from interpreterd.model.errors import InvalidRequest, MalformedRequest
from interpreterd.model.requests import METADATA_LIMIT, METADATA_LIMIT_BYTES, CreateContext, patched


async def ids(client: Client, path: str) -> list[str]:
    status, body = await client.request("GET", path)
    assert status == 200, body
    return [context["id"] for context in body["contexts"]]


# Metadata


async def test_metadata_is_kept_shown_and_patched(client: Client) -> None:
    _, created = await client.request("POST", "/context", json={"metadata": {"user": "Ada", "plan": "größer"}})
    assert created["metadata"] == {"user": "Ada", "plan": "größer"}
    path = f"/context/{created['id']}"
    steps: list[tuple[dict[str, Any], dict[str, str]]] = [
        ({"metadata": {"user": "Bob", "plan": None, "new": ""}}, {"user": "Bob", "new": ""}),
        ({"metadata": {"gone": None}}, {"user": "Bob", "new": ""}),
        ({"metadata": {}}, {"user": "Bob", "new": ""}),
        ({"later": 1}, {"user": "Bob", "new": ""}),
        ({"metadata": None}, {}),
    ]
    for body, expected in steps:
        status, shown = await client.request("PATCH", path, json=body)
        assert (status, shown["metadata"]) == (200, expected), body
        assert await client.request("GET", path) == (200, shown)
    assert shown == {**created, "metadata": {}}


async def test_a_patch_that_cannot_be_changes_nothing(own_client: Client) -> None:
    context = await own_client.create(metadata={"a": "1"})
    wrong = [
        (b"{", "malformed_request", "the body must be JSON"),
        (b"[]", "malformed_request", "the body must be a JSON object"),
        (b'{"metadata": []}', "malformed_request", "metadata must be an object whose values are strings"),
        (b'{"metadata": {"a": "2", "b": 1}}', "malformed_request", "metadata must be an object whose values are stri"),
        (b'{"metadata": {"a": "2", "": "x"}}', "invalid_request", "metadata must have keys without '=', not empty"),
        (b'{"metadata": {"a": "2", "b": "%s"}}' % (b"x" * 4096), "invalid_request", "metadata must be at most 4096 by"),
    ]
    for body, code, error in wrong:
        status, answer = await own_client.request("PATCH", f"/context/{context}", data=body)
        assert (status, answer["code"]) == (400, code)
        assert answer["error"].startswith(error)
    assert (await own_client.request("GET", f"/context/{context}"))[1]["metadata"] == {"a": "1"}
    assert (await own_client.request("PATCH", "/context/unknown", data=b"{}"))[0] == 404
    assert (await own_client.request("PATCH", "/context/default", data=b"{}"))[0] == 404, "it has not been used yet"


async def test_a_context_that_cannot_be_is_not_made(own_client: Client) -> None:
    for wrong in ({"metadata": {"a": 1}}, {"metadata": "a"}, {"envs": {"A": 1}}, {"envs": {"A=": ""}}):
        status, answer = await own_client.request("POST", "/context", json=wrong)
        assert status == 400
        assert answer["error"].startswith(next(iter(wrong)))
    assert await ids(own_client, "/contexts") == []


async def test_labels_filter_both_lists(client: Client) -> None:
    await client.run("pass")
    await client.request("PATCH", "/context/default", json={"metadata": {"user": "Ada"}})
    one = await client.create(metadata={"user": "Ada", "sum": "1+1=2 &ü"})
    two = await client.create(metadata={"user": "Bob", "sum": ""})
    asked = {
        (): ["default", one, two],
        ("user=Ada",): ["default", one],
        ("user=Ada", "sum=1+1=2 &ü"): [one],
        ("user=Ada", "user=Bob"): [],
        ("sum=",): [two],
        ("user",): None,
        ("=Ada",): None,
        ("user=Ada", ""): None,
    }
    for labels, expected in asked.items():
        for path, without in (("/contexts", ""), ("/context", "default")):
            status, body = await client.request("GET", path, params=[("label", label) for label in labels])
            if expected is None:
                error = "label must be a key of metadata, '=' and its value"
                assert (status, body) == (400, {"error": error, "code": "malformed_request"})
            else:
                assert [context["id"] for context in body["contexts"]] == [
                    context for context in expected if context != without
                ]


async def test_metadata_outlives_the_worker(client: Client) -> None:
    context = await client.create(metadata={"a": "1"})
    await client.run("exit()", context)
    await client.run("pass", context)
    assert (await client.request("GET", f"/context/{context}"))[1]["metadata"] == {"a": "1"}


def test_metadata_has_bounds() -> None:
    most = {str(number): "" for number in range(METADATA_LIMIT)}
    assert patched({}, most) == most
    with pytest.raises(InvalidRequest, match="metadata must have at most 64 pairs"):
        patched(most, {"one more": ""})
    assert patched(most, {"one more": "", "0": None}).keys() == {*most, "one more"} - {"0"}
    longest = {"ä": "x" * (METADATA_LIMIT_BYTES - 2)}
    assert patched({}, longest) == longest
    with pytest.raises(InvalidRequest, match="metadata must be at most 4096 bytes long"):
        patched({}, {"ä": "x" * (METADATA_LIMIT_BYTES - 1)})
    with pytest.raises(InvalidRequest, match="metadata must be at most 4096 bytes long"):
        parse_create({"metadata": {"a": "ü" * (METADATA_LIMIT_BYTES // 2)}})


KEYS = st.text(st.characters(exclude_characters="=", exclude_categories=["Cs"]), min_size=1, max_size=3)
PAIRS = st.dictionaries(KEYS, st.text(max_size=5), max_size=5)


@given(PAIRS, st.dictionaries(KEYS, st.none() | st.text(max_size=5), max_size=5))
def test_a_patch_is_a_json_merge_patch(metadata: dict[str, str], patch: dict[str, str | None]) -> None:
    change = parse_change({"metadata": patch})
    assert patched(metadata, change.metadata) == merge_patch(metadata, patch)
    assert parse_create({"metadata": patch}).metadata == merge_patch({}, patch)


def merge_patch(target: dict[str, str], patch: dict[str, str | None]) -> dict[str, str]:
    """Merge a patch into an object of strings, as RFC 7396, section 2."""
    result = dict(target)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = value
    return result


@given(PAIRS)
def test_any_pair_can_be_a_label(pairs: dict[str, str]) -> None:
    assert dict(parse_labels(f"{key}={value}" for key, value in pairs.items())) == pairs


@pytest.mark.parametrize("label", ["", "=", "=x", "key"])
def test_a_label_has_a_key_and_a_value(label: str) -> None:
    with pytest.raises(MalformedRequest, match="label must be"):
        parse_labels(["good=1", label])


# Environment


async def test_the_environment_of_a_context_lasts(client: Client) -> None:
    context = await client.create(envs={"A": "ä", "B": "1=2", "PATH": "/nowhere"})
    code = "import os, sys; print(os.environ['A'], os.environ['B'], os.environ['PATH'])"
    assert (await client.run(code, context)).stdout == "ä 1=2 /nowhere\n"
    assert (await client.run(code, context, envs={"A": "b"})).stdout == "b 1=2 /nowhere\n"
    assert (await client.run(code, context)).stdout == "ä 1=2 /nowhere\n"
    await client.run("exit()", context)
    assert (await client.run(code, context)).stdout == "ä 1=2 /nowhere\n", "a new worker has it, too"
    assert (await client.run("import os; print(os.environ.get('A'))")).stdout == "None\n", "no other context has"
    assert "envs" not in (await client.request("GET", f"/context/{context}"))[1], "they may be secrets"


def test_the_environment_of_a_context_has_a_bound() -> None:
    envs = {"ä": "x" * (ENVS_LIMIT_BYTES - 2)}
    assert parse_create({"envs": envs}).envs == envs
    with pytest.raises(InvalidRequest, match="envs must be at most 131072 bytes long, names and values together"):
        parse_create({"envs": {"ä": "x" * (ENVS_LIMIT_BYTES - 1)}})


def test_what_users_wrote_stays_out_of_logs() -> None:
    assert "secret" not in repr(CreateContext(envs={"KEY": "secret"}, metadata={"KEY": "secret"}))


# State and counts


async def test_a_context_says_what_it_does(client: Client, gate: Gate) -> None:
    _, before = await client.request("POST", "/context")
    context = before["id"]
    assert (before["state"], before["executionCount"], before["queued"]) == ("idle", 0, 0)
    async with client.running(f"print('here', flush=True); {gate.wait}", contextId=context) as first:
        await first.until("here")
        async with client.running("exit()", contextId=context, events="v2") as second:
            while (message := await second.next()) is not None and message.get("text") != "queued":
                pass
            _, busy = await client.request("GET", f"/context/{context}")
            assert (busy["state"], busy["executionCount"], busy["queued"]) == ("busy", 1, 1)
            gate.open()
            await first.finish()
            await second.finish()
    _, dead = await client.request("GET", f"/context/{context}")
    assert (dead["state"], dead["active"], dead["executionCount"], dead["queued"]) == ("dead", False, 2, 0)
    used = [datetime.fromisoformat(info["lastUsedAt"]) for info in (before, busy, dead)]
    assert used[0] < used[1] < used[2]
    assert datetime.fromisoformat(before["createdAt"]) <= used[0]
    await client.run("pass", context)
    assert (await client.request("GET", f"/context/{context}"))[1]["state"] == "idle"
