"""``interpreterd repl`` on a terminal."""

from collections.abc import Callable
from pathlib import Path

from command import interpreterd
from harness import COMMAND
from standing import SharedDaemon
from terminal import Terminal


class Prompt(Terminal):
    """The command at its prompt."""

    def __init__(self, url: str, cwd: Path, *arguments: str) -> None:
        super().__init__(
            [str(COMMAND), "repl", "--url", url, *arguments], cwd, {"XDG_STATE_HOME": str(cwd), "TMPDIR": str(cwd)}
        )
        self.ready()

    def ready(self) -> None:
        """Wait for an empty prompt."""
        self.until(lambda: self.line == ">>>")

    def enter(self, *lines: str) -> list[str]:
        """Type ``lines``, let them run, and return the text below them."""
        for number, line in enumerate(lines):
            self.type(f"{line}\r")
            if number < len(lines) - 1:
                self.until(lambda: self.line.strip() == "...")
        last = "..." if len(lines) > 1 else f">>> {lines[0]}"
        self.until(lambda: self.line == ">>>" and any(line.startswith(last) for line in self.lines))
        return self.lines


def test_a_prompt_keeps_state_and_shows_values(url: str, tmp_path: Path) -> None:
    with Prompt(url, tmp_path) as prompt:
        prompt.enter("x = 20")
        assert prompt.enter("x + 1")[-2] == "21"
        assert prompt.enter("print('a', end='')")[-2] == "a"
        prompt.enter("def double(n):", "return 2 * n", "")
        assert prompt.enter("double(x)")[-2] == "40"
        assert prompt.enter("1 / 0")[-2] == "ZeroDivisionError: division by zero"
        prompt.type("\x04")
        assert prompt.ended() == 0


def test_a_prompt_is_interrupted(url: str, tmp_path: Path) -> None:
    with Prompt(url, tmp_path) as prompt:
        prompt.enter("def spin():", "print('on')", "while True: pass", "")
        prompt.type("spin()\r")
        prompt.until(lambda: "on" in prompt.lines)
        prompt.type("\x03")
        prompt.until(lambda: "KeyboardInterrupt" in prompt.lines and prompt.line == ">>>")
        prompt.type("unfinished(\x03")
        prompt.ready()
        assert prompt.enter("print('goes on')")[-2] == "goes on"
        prompt.type("exit()\r")
        assert prompt.ended() == 0


def test_a_prompt_completes_by_what_the_context_has(url: str, tmp_path: Path) -> None:
    interpreterd("run", "-c", "unmistakable = 'a string'", url=url)
    with Prompt(url, tmp_path) as prompt:
        prompt.type("unmis\t")
        prompt.until(lambda: prompt.line == ">>> unmistakable")
        prompt.type(".swapc\t")
        prompt.until(lambda: prompt.line == ">>> unmistakable.swapcase")
        prompt.type("()\r")
        prompt.until(lambda: "'A STRING'" in prompt.lines)
        prompt.ready()
        prompt.type("\x04")
        assert prompt.ended() == 0
    with Prompt(url, tmp_path) as prompt:  # the history
        prompt.type("\x1b[A")
        prompt.until(lambda: prompt.line.startswith(">>> unmistakable.swapcase()"))


def test_code_at_a_prompt_asks_questions(url: str, tmp_path: Path) -> None:
    with Prompt(url, tmp_path) as prompt:
        prompt.type("name = input('name? ')\r")
        prompt.until(lambda: prompt.line == "name?")
        prompt.type("Ada\r")
        prompt.ready()
        assert "name? Ada" in prompt.lines
        prompt.type("import getpass; secret = getpass.getpass('word? ')\r")
        prompt.until(lambda: prompt.line == "word?")
        prompt.type("swordfish\r")
        prompt.ready()
        assert not any("swordfish" in line for line in prompt.lines)
        assert prompt.enter("name, secret[::-1]")[-2] == "('Ada', 'hsifdrows')"


def test_a_prompt_goes_back_and_branches(url: str, tmp_path: Path) -> None:
    with Prompt(url, tmp_path) as prompt:
        prompt.enter("x = 20")
        prompt.enter("x = 21")
        assert prompt.enter("%undo")[-2] == "the context is as it was before the last input"
        assert prompt.enter("x + 1")[-2] == "21"
        prompt.type("%ba\t")
        prompt.until(lambda: prompt.line == ">>> %back")
        prompt.type("\x15")
        assert prompt.enter("%fork")[-2].endswith("a fork; %back returns to default")
        prompt.enter("x = 0")
        assert prompt.enter("%back")[-2].startswith("in default again")
        assert prompt.enter("x + 2")[-2] == "22"
        prompt.type("\x04")
        assert prompt.ended() == 0


def test_a_prompt_works_where_no_checkpoints_are_kept_and_says_so_at_undo(
    standing: Callable[..., SharedDaemon], tmp_path: Path
) -> None:
    with Prompt(standing("--checkpoints", "0").url, tmp_path) as prompt:
        prompt.enter("x = 20")
        assert prompt.enter("x + 1")[-2] == "21"
        assert prompt.enter("1 / 0")[-2] == "ZeroDivisionError: division by zero"
        said = prompt.enter("%undo")[-2]
        assert said.startswith("interpreterd: inputs are run without checkpoints: ")
        assert "--checkpoints" in said
        assert not any("cancelled" in line for line in prompt.lines)


def test_a_prompt_names_the_file_of_a_picture(url: str, tmp_path: Path) -> None:
    with Prompt(url, tmp_path) as prompt:
        prompt.enter("display({'image/png': b'a picture', 'text/plain': '<a picture>'}, raw=True)")
        (saved,) = tmp_path.glob("interpreterd-*/result-1.png")
        assert prompt.lines[-3:-1] == ["<a picture>", str(saved)]
        prompt.type("\x04")
        assert prompt.ended() == 0
    assert saved.read_bytes() == b"a picture"
    assert saved.parent.stat().st_mode & 0o777 == 0o700


def test_a_prompt_in_a_context_that_is_not_there(url: str, tmp_path: Path) -> None:
    with Terminal([str(COMMAND), "repl", "--url", url, "--context", "nowhere"], tmp_path) as terminal:
        assert terminal.ended() == 1
        assert terminal.lines == ["interpreterd: Context not found: nowhere"]
