"""The glossary has the words of the API and of the code, each once."""

import re

from paths import ROOT

from interpreterd.model.events import Outcome

GLOSSARY = (ROOT / "docs/glossary.md").read_text("utf-8")
TERMS = re.findall(r"^([\w ]+)\n   \S", GLOSSARY.partition("```{glossary}\n")[2], re.MULTILINE)
OF_THE_CODE = (
    "context, worker, execution, code, session, message, event, stream, launcher, dialect, profile, "
    "tenant, checkpoint, archive, hibernate, host function, interrupt, kill, cancel, restart, delete, "
    "attach, replay, follow, limit, grace, display data, execute result, MIME bundle"
)


def test_each_word_stands_in_its_place_once() -> None:
    assert sorted(set(TERMS), key=str.lower) == TERMS


def test_the_words_of_the_code_are_there() -> None:
    assert set(OF_THE_CODE.split(", ")) - set(TERMS) == set()


def test_an_outcome_is_explained_with_all_its_values() -> None:
    explained = GLOSSARY.partition("\noutcome\n")[2].partition("\n\n")[0]
    assert all(f"`{outcome}`" in explained for outcome in Outcome)
