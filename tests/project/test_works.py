"""The guides' tables of what works are those of the tests."""

from pathlib import Path

import pytest
from outside import python_of, works
from paths import ROOT


@pytest.mark.parametrize("dialect", works.GUIDES)
def test_a_guide_has_the_table_of_its_tests(dialect: str) -> None:
    text = (ROOT / "docs" / works.GUIDES[dialect]).read_text("utf-8")
    assert text == works.drawn(dialect, text), "`python docs/works.py` draws the tables"


def test_every_expected_failure_is_that_of_a_test() -> None:
    assert set(works.expected_failures()) - set(works.everything()) == set()
    assert all(works.expected_failures().values())


def test_every_dialect_with_a_test_has_a_guide() -> None:
    assert {it.dialect for it in works.everything()} <= set(works.GUIDES)


PYTHON = '''
DIALECT, CLIENT = "no", "no"
DIALECT = "toy"
CLIENT = "Python"
def check_it():
    """It works well. Or not."""
async def test_a_name_is_enough(): pass
def other():
    """No."""
'''
NODE = """// dialect: toy
// client: Node
check("It \\"works\\" well. Or not.", async () => {});
check(
  "More",
  async () => {},
);
"""


@pytest.mark.parametrize(
    ("name", "text", "shown"),
    [
        ("a.py", PYTHON, [("toy", "Python", "It works well"), ("toy", "Python", "A name is enough")]),
        ("a.mjs", NODE, [("toy", "Node", 'It "works" well'), ("toy", "Node", "More")]),
        ("b.py", "def test_it(): pass", []),
    ],
)
def test_a_test_shows_the_first_sentence_of_its_docstring(
    tmp_path: Path, name: str, text: str, shown: list[tuple[str, str, str]]
) -> None:
    (tmp_path / name).write_text(text)
    assert list(works.shown(tmp_path / name)) == shown


def test_without_the_clients_a_test_fails_and_says_what_to_do() -> None:
    with pytest.raises(pytest.fail.Exception, match=r"^the programs .* are not installed: make \.venv-nowhere/\.has$"):
        python_of("nowhere")
