"""The names that clients and the daemon share are those of the published document."""

from described import OPENAPI

from interpreterd.model.names import EVENT_STREAM, JSON, NATIVE_PATH, NDJSON


def test_the_document_has_its_routes_below_the_native_path() -> None:
    assert [path for path in OPENAPI["paths"] if path.endswith("/execute")] == [f"{NATIVE_PATH}/execute"]


def test_the_document_describes_events_in_each_media_type() -> None:
    answers = OPENAPI["paths"][f"{NATIVE_PATH}/execute"]["post"]["responses"]["200"]["content"]
    assert set(answers) == {JSON, NDJSON, EVENT_STREAM}
