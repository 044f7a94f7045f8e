"""``mcp.gathering``: what a model gets of an execution's events."""

from typing import Any

import pytest

from interpreterd.mcp.answers import LinkBlock, PictureBlock, TextBlock
from interpreterd.mcp.gathering import IMAGES_KEPT, IMAGES_KEPT_CHARS, Gathered, Page, Shape, failure_json, status_line
from interpreterd.model.displays import ClearOutput, Display, Json, Result, UpdateDisplay
from interpreterd.model.events import (
    Failure,
    Finished,
    Gap,
    Outcome,
    Output,
    Queued,
    Raised,
    Restarted,
    Started,
    Stream,
)

PNG = "iVBORw0K\nGgo="


def gathered(*events: Any, shape: Shape | None = None, **options: Any) -> Gathered:
    made = Gathered(shape or Shape(), **options)
    for event in events:
        made.add(event)
    return made


def out(text: str) -> Output:
    return Output(stream=Stream.STDOUT, text=text)


def shown(data: dict[str, Any], name: str | None = None) -> Display:
    return Display(data=data, display_id=name)


def test_text_of_output_results_and_errors_is_in_lines_of_its_own() -> None:
    failure = Failure(name="ValueError", value="x", traceback="Traceback …\nValueError: x\n")
    made = gathered(
        Queued(ahead=2),
        Started(),
        Restarted(),
        out("no newline"),
        Result(data={"text/plain": "42"}, execution_count=1),
        Raised(error=failure),
        Finished(outcome=Outcome.COMPLETED, error=failure),
    )
    assert made.text("") == "no newline\n42\nTraceback …\nValueError: x\n"
    assert (made.restarted, made.ahead, made.cut_chars) == (True, None, 0)
    assert failure_json(made.finished) == {"name": "ValueError", "value": "x"}


def test_progress_bars_are_folded_and_colours_vanish() -> None:
    made = gathered(*[out(f"\r\x1b[32m{percent}%\x1b[0m") for percent in range(101)])
    assert (made.last_line, made.text("")) == ("100%", "100%")


def test_what_the_code_has_cleared_is_gone_when_it_shows_more() -> None:
    made = gathered(out("old\n"), shown({"image/png": PNG}), ClearOutput(wait=True))
    assert len(made.shots) == 1
    made.add(out("new\n"))
    assert (made.text(""), made.shots) == ("new\n", [])
    assert gathered(out("old"), ClearOutput(wait=False)).text("") == ""


def test_a_named_display_is_shown_in_its_latest_form() -> None:
    made = gathered(
        shown({"text/plain": "0 %"}, "bar"),
        shown({"image/png": PNG}, "plot"),
        UpdateDisplay(data={"text/plain": "100 %"}, display_id="bar"),
        UpdateDisplay(data={"image/png": "iVBORw0KGgpB"}, display_id="plot"),
    )
    assert made.text("") == "100 %\n"
    assert [shot.data for shot in made.shots] == ["iVBORw0KGgpB"]


def test_pictures_have_no_text_and_large_ones_become_links() -> None:
    data = {"text/plain": "<Figure size 640x480>", "image/png": PNG}
    made = gathered(
        shown(data), shown({"image/svg+xml": "<svg/>"}), shown({"image/png": "A" * 4000}), shape=Shape(image_bytes=100)
    )
    assert made.text("") == ""
    small, note, link, _, large = made.pictures(lambda shot: f"kept:{shot.size_bytes}")
    assert small == PictureBlock("image/png", "iVBORw0KGgo=")
    assert isinstance(note, TextBlock)
    assert "image/svg+xml, 6 bytes, too large to be shown; it is the resource kept:6" in note.text
    assert link == LinkBlock(uri="kept:6", name="image 2", mime="image/svg+xml", size_bytes=6)
    assert isinstance(large, LinkBlock)
    assert large.size_bytes == 3000


def test_of_endless_pictures_the_first_are_kept_and_the_others_counted() -> None:
    made = gathered(*[shown({"image/png": PNG})] * (IMAGES_KEPT + 5))
    assert len(made.shots) == IMAGES_KEPT
    assert made.pictures(lambda shot: "kept")[-1] == TextBlock("[5 more images were dropped: show fewer at once]")


@pytest.mark.parametrize("data", ["no base64!", "", "====="])
def test_what_is_no_picture_is_shown_as_text(data: str) -> None:
    made = gathered(shown({"image/png": data, "text/plain": "the text"}))
    assert (made.text(""), made.shots) in (("the text\n", []), ("", made.shots))


def test_json_is_shown_where_there_is_no_text() -> None:
    assert gathered(shown({"application/json": Json('{"a":1}')})).text("") == '{\n  "a": 1\n}\n'


def test_missing_events_are_counted() -> None:
    assert gathered(Gap(first=3, last=7)).missed_events == 5


def test_a_page_is_a_piece_of_the_output_and_full_when_more_follows() -> None:
    made = gathered(*[out(f"{number}\n") for number in range(1000)], shape=Shape(output_chars=50), offset=40)
    whole = "".join(f"{number}\n" for number in range(1000))
    assert made.is_full
    assert made.text("[{} more]").startswith(whole[40:90] + "\n[")
    page = Page(3, 2)
    page.add("ab")
    page.add("cde")
    assert (page.text("[{}]"), page.cut_chars, page.is_full) == ("de", 0, True)


@pytest.mark.parametrize(
    ("outcome", "value", "line"),
    [
        (Outcome.COMPLETED, "x", ""),
        (Outcome.INTERRUPTED, "execution timed out", "[interrupted: execution timed out; variables are kept]"),
        (Outcome.INTERRUPTED, "timed out; variables are lost", "[interrupted: timed out; variables are lost]"),
        (Outcome.LOST, "exit status 3", "[lost: exit status 3; variables are lost; the next call starts a new Python]"),
        (Outcome.CANCELLED, "context deleted", "[cancelled: context deleted]"),
    ],
)
def test_an_end_that_is_not_plain_is_told(outcome: Outcome, value: str, line: str) -> None:
    error = Failure(name="E", value=value, traceback="")
    assert status_line(Finished(outcome=outcome, error=error)) == line
    assert status_line(None) == ""


def test_pictures_for_which_there_is_no_room_are_counted() -> None:
    large = "x" * (IMAGES_KEPT_CHARS // 2)
    made = gathered(*[shown({"image/svg+xml": large})] * 3, shown({"image/svg+xml": "<svg/>"}))
    assert [len(it.data) for it in made.shots] == [len(large)] * 2
    assert made.pictures(lambda shot: "kept")[-1] == TextBlock("[2 more images were dropped: show fewer at once]")


def test_an_error_after_output_without_end_is_in_lines_of_its_own() -> None:
    failure = Failure(name="E", value="v", traceback="E: v")
    made = gathered(out("x" * 70_000), Finished(outcome=Outcome.COMPLETED, error=failure))
    assert made.text("cut").endswith("xxx\nE: v\n")
