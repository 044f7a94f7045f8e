"""What user code calls to show things."""

import pytest
from publishing import bundles, valued
from worker_driver import DrivenWorker
from worker_modules import PUBLISHED, shown

PLAIN = "text/plain"


@pytest.fixture
def screen(worker: DrivenWorker) -> DrivenWorker:
    """Return ``worker``, which keeps what is published."""
    worker.printed(PUBLISHED)
    return worker


def test_objects_are_shown_one_by_one(screen: DrivenWorker) -> None:
    assert shown(screen, "display(1, 'a')\ndisplay()") == [
        ["display", {PLAIN: "1"}, {}, {}, False],
        ["display", {PLAIN: "'a'"}, {}, {}, False],
    ]


def test_metadata_is_merged(screen: DrivenWorker) -> None:
    code = (
        "class It:\n    def __repr__(self): return 'it'\n    def _repr_html_(self): return 'h', {'a': 1}\n"
        "display(It(), metadata={'text/html': {'b': 2}, 'c': 3}, transient={'d': 4}, exclude=['text/plain'])"
    )
    assert shown(screen, code) == [
        ["display", {"text/html": "h"}, {"text/html": {"a": 1, "b": 2}, "c": 3}, {"d": 4}, False]
    ]


def test_what_has_an_id_can_be_replaced(screen: DrivenWorker) -> None:
    code = (
        "h = display(1, display_id='x')\nh.update(2)\nupdate_display(3, display_id='x')\nh.display(4)\n"
        "print(h, display(5))\nempty = display(display_id=True)\nprint(len(empty.display_id) > 9)"
    )
    first = screen.run(code)
    assert first.stdout == "<DisplayHandle display_id=x> None\nTrue\n"
    kinds = [(kind, data.get(PLAIN), transient.get("display_id")) for kind, data, _, transient, _ in shown(screen)]
    assert kinds[:5] == [
        ("display", "1", "x"),
        ("update", "2", "x"),
        ("update", "3", "x"),
        ("display", "4", "x"),
        ("display", "5", None),
    ]
    assert kinds[5][:2] == ("display", None)


def test_output_is_cleared(screen: DrivenWorker) -> None:
    assert shown(screen, "clear_output()\nclear_output(wait=True)\ndisplay(1, clear=True)") == [
        ["clear", {}, {}, {}, False],
        ["clear", {}, {}, {}, True],
        ["clear", {}, {}, {}, True],
        ["display", {PLAIN: "1"}, {}, {}, False],
    ]


def test_raw_data_is_shown_as_it_is(screen: DrivenWorker) -> None:
    assert shown(screen, "display({'a/b': {'c': [1]}}, raw=True)") == [["display", {"a/b": {"c": [1]}}, {}, {}, False]]


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("display(1, colour=2)", "TypeError: display() got an unexpected keyword argument 'colour'"),
        ("display(1, raw=True)", "TypeError: data to display must be a dict by MIME type, not int"),
        ("display({1: 2}, raw=True)", "TypeError: MIME types must be str, not int"),
        ("display(1, update=True)", "TypeError: display_id required for update_display"),
    ],
)
def test_bad_arguments_are_told_without_frames_of_the_worker(screen: DrivenWorker, code: str, error: str) -> None:
    failure = screen.run(code).error
    assert failure is not None
    assert failure["traceback"].endswith(error + "\n")
    assert "interpreterd" not in failure["traceback"]


def test_names_of_the_users_own_win(screen: DrivenWorker) -> None:
    code = "def display(it): print('mine', it)\nclear_output = 5"
    screen.printed(code)
    assert screen.printed("display(1); print(clear_output)") == "mine 1\n5\n"
    assert screen.printed("del display\nprint('display' in dir(), 'display' in dir(__builtins__))") == "False True\n"
    assert shown(screen, "display(2)")[0][1] == {PLAIN: "2"}


def test_the_builtins_look_like_functions(screen: DrivenWorker) -> None:
    code = "import inspect\nprint(inspect.signature(clear_output), display.__name__, repr(display).split(' at ')[0])"
    assert screen.printed(code) == "(wait=False) display <function display\n"


def test_nothing_is_loaded_before_it_is_used(screen: DrivenWorker) -> None:
    code = "print('display' in vars(importer.package), 'formatters' in vars(importer.package))"
    assert screen.printed(code) == "False False\n"


def test_text_for_html_is_escaped(screen: DrivenWorker) -> None:
    assert screen.printed("""print(own('display').escaped('<a href="x">&'))""") == "&lt;a href=&quot;x&quot;&gt;&amp;\n"


@pytest.mark.parametrize(
    ("returned", "left_out"),
    [
        ("{'a/b': {}}", "a/b: TypeError: the value of a/b must be str or bytes, not dict"),
        ("{'a/b+json': object()}", "a/b+json: TypeError: Object of type object is not JSON serializable"),
        ("{5: 'x'}", "5: TypeError: MIME types must be str, not int"),
        ("{'text/plain': 7}", "text/plain: the method returned int, not str"),
        ("({}, {'a/b': object()})", "metadata: TypeError: Object of type object is not JSON serializable"),
    ],
)
@pytest.mark.parametrize("shown", ["It()", "display(It())"])
def test_what_cannot_be_sent_is_reported_and_the_rest_is_shown(
    worker: DrivenWorker, returned: str, left_out: str, shown: str
) -> None:
    ran = valued(
        worker,
        "class It:\n    def __repr__(self): return 'it'\n    def _repr_html_(self): return 'html'\n"
        f"    def _repr_mimebundle_(self, include=None, exclude=None): return {returned}\n{shown}",
    )
    what, _, why = left_out.partition(": ")
    assert (ran.error, ran.stderr) == (None, f"{what} is left out: {why}\n")
    (bundle,) = bundles(ran)
    assert bundle.data == {"text/html": "html", "text/plain": "it"}
