"""smolagents' DockerExecutor speaks to the gateway in a container; here Docker alone is played."""

import contextlib
from types import SimpleNamespace
from unittest import mock
from urllib.parse import urlsplit

import checks
from smolagents import CodeAgent, DockerExecutor, Tool
from smolagents.models import ChatMessage, MessageRole, Model
from smolagents.monitoring import AgentLogger, LogLevel
from smolagents.utils import AgentError

DIALECT = "jupyter"
CLIENT = "smolagents"
CONTAINER = SimpleNamespace(status="running", short_id="played", stop=lambda: None, remove=lambda: None)
DOCKER = mock.Mock(containers=mock.Mock(run=lambda *_, **__: CONTAINER))


class Weather(Tool):
    """A tool; smolagents sends its source to the kernel."""

    name = "weather"
    description = "Tells the weather of a city."
    inputs = {"city": {"type": "string", "description": "its name"}}  # noqa: RUF012
    output_type = "string"

    def forward(self, city: str) -> str:
        return f"sunny in {city}"


class Script(Model):
    """A model that gives prepared answers.

    Attributes:
        asked: The messages of each question.
    """

    def __init__(self, *answers):
        super().__init__()
        self._answers = list(answers)
        self.asked = []

    def generate(self, messages, **_):
        self.asked.append(str(messages))
        return ChatMessage(role=MessageRole.ASSISTANT, content=f"<code>\n{self._answers.pop(0)}\n</code>")


@contextlib.contextmanager
def setup(url):
    """Yield the keys that tell an executor where the gateway is."""
    address = urlsplit(url)
    with mock.patch("docker.from_env", return_value=DOCKER):
        yield {"host": address.hostname, "port": address.port, "build_new_image": False}


def executor(place):
    """Return a started executor."""
    return DockerExecutor([], AgentLogger(level=LogLevel.OFF), **place)


def check_run(place):
    """Code runs and variables stay."""
    python = executor(place)
    assert python("x = 20\nprint('told')").logs == "told\n"
    output = python("x + 1")
    assert (output.output, output.logs, output.is_final_answer) == ("21", "", False)


def check_error(place):
    """What the code raises is raised, and code runs on."""
    python = executor(place)
    assert "ZeroDivisionError" in str(checks.raised(AgentError, python, "1 / 0"))
    assert python("5").output == "5"


def check_every_result(place):
    """The result of each of many runs arrives."""
    python = executor(place)
    assert [python(str(number)).output for number in range(50)] == [str(number) for number in range(50)]


def check_variables(place):
    """Variables are sent to the kernel."""
    python = executor(place)
    python.send_variables({"names": ["a", "b"], "deep": {"c": 1.5}})
    assert python("names, deep").output == "(['a', 'b'], {'c': 1.5})"


def check_pip(place):
    """Packages are installed by !pip."""
    assert executor(place)("!pip --version").logs.startswith("pip ")


def check_agent(place):
    """A CodeAgent learns of an error, uses its tools and reaches its final answer."""
    answers = "undefined_name", "place = 'Ulm'\nprint(weather(place))", "final_answer({'told': weather(place)})"
    model = Script(*answers)
    where = {"executor_type": "docker", "executor_kwargs": place}
    agent = CodeAgent([Weather()], model, verbosity_level=LogLevel.OFF, **where)
    assert agent.run("How is the weather?") == {"told": "sunny in Ulm"}
    assert "NameError" in model.asked[1]
    assert "sunny in Ulm" in model.asked[2]


if __name__ == "__main__":
    checks.main(globals())
