"""Bodies of requests, as E2B's SDKs send them."""

import json

import pytest

from interpreterd.dialects.e2b.errors import Refusal
from interpreterd.dialects.e2b.requests import named, parse_create, parse_execute


def test_the_body_of_the_sdk_runs_code_in_the_default_context() -> None:
    execute = parse_execute({"code": "x", "context_id": None, "language": None, "env_vars": None})
    assert (execute.code, execute.context_id, execute.timeout_s, execute.stays) == ("x", None, None, False)


def test_empty_code_is_code() -> None:
    assert parse_execute({"code": ""}).code.strip() == ""


@pytest.mark.parametrize("language", [None, "", "python", " Python\n", "PYTHON"])
def test_python_has_several_spellings(language: object) -> None:
    assert parse_execute({"code": "x", "language": language}).context_id is None
    assert parse_create({"language": language}).cwd is None


@pytest.mark.parametrize(
    ("body", "kind", "place"),
    [
        ([], "model_attributes_type", ()),
        ({}, "missing", ("code",)),
        ({"code": None}, "missing", ("code",)),
        ({"code": 1}, "string_type", ("code",)),
        ({"code": "x", "context_id": 1}, "string_type", ("context_id",)),
        ({"code": "x", "language": []}, "string_type", ("language",)),
    ],
)
def test_a_wrong_body_names_the_part(body: object, kind: str, place: tuple[str, ...]) -> None:
    with pytest.raises(Refusal) as caught:
        parse_execute(body)
    (detail,) = json.loads(caught.value.answer.body)["detail"]
    assert (detail["type"], detail["loc"]) == (kind, ["body", *place])


def test_a_context_and_a_language_are_too_much() -> None:
    with pytest.raises(Refusal, match="Only one of context_id or language can be provided"):
        parse_execute({"code": "x", "context_id": "a", "language": "python"})


@pytest.mark.parametrize(("language", "name"), [("JS", "javascript"), ("ts", "typescript"), ("r", "r")])
def test_other_languages_are_not_there(language: str, name: str) -> None:
    with pytest.raises(Refusal, match=f"Failed to create context: the language {name} is not available here"):
        parse_create({"language": language})


@pytest.mark.parametrize(("given", "id_"), [(None, None), ("", None), ("default", None), ("x", "x")])
def test_the_default_context_has_a_name(given: str | None, id_: str | None) -> None:
    assert named(given) == id_
