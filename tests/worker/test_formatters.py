"""The representations of objects, as their methods give them."""

import pytest
from worker_driver import DrivenWorker
from worker_modules import OWN, told

PLAIN = "text/plain"


def test_each_method_gives_its_representation(worker: DrivenWorker) -> None:
    code = (
        "class All:\n    def __repr__(self): return 'all'\n"
        "    def _repr_json_(self): return {'a': [1]}\n"
        "for kind in 'html markdown svg latex javascript'.split():\n"
        "    setattr(All, f'_repr_{kind}_', lambda self, kind=kind: kind)\n"
        "for kind in 'png jpeg pdf'.split():\n"
        "    setattr(All, f'_repr_{kind}_', lambda self, kind=kind: kind.encode())\n"
        "data, metadata = own('formatters').bundle(All())\n"
        "it = {mime: value.decode() if type(value) is bytes else value for mime, value in data.items()}, metadata"
    )
    assert told(worker, code) == [
        {
            PLAIN: "all",
            "text/html": "html",
            "text/markdown": "markdown",
            "image/svg+xml": "svg",
            "image/png": "png",
            "application/pdf": "pdf",
            "image/jpeg": "jpeg",
            "text/latex": "latex",
            "application/json": {"a": [1]},
            "application/javascript": "javascript",
        },
        {},
    ]


@pytest.mark.parametrize(
    ("methods", "data", "metadata"),
    [
        ("def _repr_html_(self): return 'h', {'a': 1}", {"text/html": "h"}, {"text/html": {"a": 1}}),
        ("def _repr_html_(self): return None", {}, {}),
        ("def _repr_html_(self): return None, {'a': 1}", {}, {}),
        ("def _repr_html_(self): raise NotImplementedError", {}, {}),
        ("_repr_html_ = None", {}, {}),
        ("_repr_html_ = property(lambda self: 1 / 0)", {}, {}),
        ("def _repr_json_(self): return '[1]'", {"application/json": [1]}, {}),
        (
            (
                "def _repr_mimebundle_(self, include=None, exclude=None): return {'a/b': 1, 'text/html': 'x'}\n"
                "def _repr_html_(self): return 'not asked'"
            ),
            {"a/b": 1, "text/html": "x"},
            {},
        ),
        (
            "def _repr_mimebundle_(self, **_): return {'a/b': 1, 'text/plain': 'mine'}, {'a/b': {'c': 2}}",
            {"a/b": 1, PLAIN: "mine"},
            {"a/b": {"c": 2}},
        ),
        ("def _repr_mimebundle_(self, **_): return None", {}, {}),
        ("def _ipython_display_(self): raise NotImplementedError", {}, {}),
    ],
)
def test_methods_return_data_or_a_pair_or_nothing(
    worker: DrivenWorker, methods: str, data: dict[str, object], metadata: dict[str, object]
) -> None:
    body = "\n    ".join(methods.split("\n"))
    code = f"class It:\n    def __repr__(self): return 'it'\n    {body}\nit = own('formatters').bundle(It())"
    assert told(worker, code) == [{PLAIN: "it"} | data, metadata]


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ("include=['text/html']", {"text/html"}),
        ("include={'a/b', 'text/plain'}", {"a/b", PLAIN}),
        ("exclude=['a/b']", {PLAIN, "text/html"}),
        ("include=['a/b', 'text/html'], exclude=['text/html']", {"a/b"}),
        ("include=[]", {PLAIN, "text/html", "a/b"}),
    ],
)
def test_types_that_are_not_wanted_are_left_out(worker: DrivenWorker, options: str, kept: set[str]) -> None:
    code = (
        "class It:\n    def _repr_html_(self): return 'h'\n"
        "    def _repr_mimebundle_(self, include=None, exclude=None): return {'a/b': 1}\n"
        f"it = list(own('formatters').bundle(It(), {options})[0])"
    )
    assert set(told(worker, code)) == kept


def test_the_wanted_types_are_passed_on(worker: DrivenWorker) -> None:
    code = (
        "class It:\n    def _repr_mimebundle_(self, include=None, exclude=None):\n"
        "        return {'a/b': [include, exclude]}\n"
        "it = own('formatters').bundle(It(), ['a/b'], ['c/d'])[0]"
    )
    assert told(worker, code) == {"a/b": [["a/b"], ["c/d"]]}


def test_an_object_may_show_itself(worker: DrivenWorker) -> None:
    code = (
        "class It:\n    def _ipython_display_(self): shown.append(1)\n    def _repr_html_(self): shown.append(2)\n"
        "shown = []\nit = own('formatters').bundle(It()), shown"
    )
    assert told(worker, code) == [[{}, {}], [1]]


def test_an_exception_is_reported_and_the_next_representation_tried(worker: DrivenWorker) -> None:
    ran = worker.run(
        f"{OWN}class It:\n    def __repr__(self): raise ValueError('no text')\n    def _repr_png_(self): return b'p'\n"
        "    def _repr_html_(self):\n        raise KeyError('no html')\n    def _repr_latex_(self): return 5\n"
        "    def _repr_mimebundle_(self): pass\n    def _ipython_display_(self): 1 / 0\n"
        "print(own('formatters').bundle(It()))"
    )
    assert ran.error is None
    assert "'image/png': b'p'" in ran.stdout
    assert "'text/plain': '<__main__.It object at 0x" in ran.stdout
    for line in (
        "KeyError: 'no html'\n",
        "ValueError: no text\n",
        "ZeroDivisionError: division by zero\n",
        "unexpected keyword argument 'include'\n",
        "text/latex is left out: the method returned int, not str\n",
    ):
        assert line in ran.stderr
    assert ", in _repr_html_\n    raise KeyError('no html')\n" in ran.stderr
    assert "interpreterd" not in ran.stderr


@pytest.mark.parametrize("error", ["KeyboardInterrupt", "SystemExit(3)"])
def test_what_is_no_error_of_a_method_ends_the_code(worker: DrivenWorker, error: str) -> None:
    code = f"class It:\n    def _repr_html_(self): raise {error}\nown('formatters').bundle(It())"
    failure = worker.run(OWN + code).error
    assert failure is not None
    assert failure["name"] == error.partition("(")[0]


@pytest.mark.parametrize(
    "made",
    [
        "unittest.mock.Mock()",
        "unittest.mock.MagicMock()",
        "type('Yes', (), {'__getattr__': lambda self, name: self, '__call__': lambda self, *a, **k: 'yes'})()",
        "type('No', (), {'__getattr__': lambda self, name: 1 / 0})()",
        "type('Html', (), {'_repr_html_': lambda self: 'html'})",
    ],
    ids=["mock", "magic mock", "any attribute", "no attribute", "class"],
)
def test_objects_that_only_seem_to_have_the_methods_are_text(worker: DrivenWorker, made: str) -> None:
    assert told(worker, f"import unittest.mock\nit = list(own('formatters').bundle({made})[0])") == [PLAIN]


def test_methods_of_a_class_itself_count(worker: DrivenWorker) -> None:
    code = (
        "class Meta(type):\n    def _repr_html_(cls): return 'of the metaclass'\n"
        "class It(metaclass=Meta):\n    @classmethod\n    def _repr_latex_(cls): return 'of the class'\n"
        "it = own('formatters').bundle(It)[0]"
    )
    data = told(worker, code)
    assert data["text/html"] == "of the metaclass"
    assert data["text/latex"] == "of the class"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("[7] * 5000", "[" + "7, " * 1000 + "...]"),
        ("(7,) * 5000", "(" + "7, " * 1000 + "...)"),
        ("dict.fromkeys(range(2000))", "{" + ", ".join(f"{n}: None" for n in range(1000)) + ", ...}"),
        ("{*range(1001)}", "{" + ", ".join(map(str, range(1000))) + ", ...}"),
        ("frozenset(range(1001))", "frozenset({" + ", ".join(map(str, range(1000))) + ", ...})"),
        ("[1, 'a', None]", "[1, 'a', None]"),
    ],
)
def test_long_containers_are_cut(worker: DrivenWorker, value: str, text: str) -> None:
    assert told(worker, f"it = own('formatters').text_of({value})") == text


@pytest.mark.parametrize(
    "value",
    ["'x' * 10**7", "b'x' * 10**7", "[['x' * 10**6] * 10]", "type('A', (), {'__repr__': lambda self: 'x' * 10**7})()"],
)
def test_text_has_a_bound(worker: DrivenWorker, value: str) -> None:
    text = told(worker, f"it = own('formatters').text_of({value})")
    assert len(text) < 140_000
    assert "cut] ..." in text


def test_a_subclass_of_str_as_text_is_a_plain_one(worker: DrivenWorker) -> None:
    code = (
        "class Text(str):\n    def __len__(self): return 1\nclass It:\n    def __repr__(self): return Text('abc')\n"
        "text = own('formatters').text_of(It())\nit = [text, type(text) is str]"
    )
    assert told(worker, code) == ["abc", True]
