"""The examples for agents' frameworks, as a reader runs them, with the real packages and a model that is scripted."""

import json
import subprocess

import pytest
from hosts import clean
from outside import python_of
from paths import ROOT
from scripted_model import Call, Reply, scripted
from standing import SharedDaemon

FOLDER = ROOT / "examples" / "frameworks"
CODE = "total = 3 * find_price('lamp') + find_price('desk')\nprint('total:', total)"
ANSWER = "They cost 178.5 euros."
RUN_LIMIT_S = 50
CALLS: list[Reply] = [
    Call("run_python", {"code": CODE}),
    Call("run_python", {"code": "print('still', total)"}),
    ANSWER,
]
SCRIPTS: dict[str, list[Reply]] = {
    "anthropic_loop": CALLS,
    "langchain_agent": CALLS,
    "openai_agents": CALLS,
    "openai_loop": CALLS,
    "pydantic_ai_agent": CALLS,
    "smolagents_agent": [
        f"Thought: I look.\n<code>\n{CODE}\n</code>",
        "Thought: I answer.\n<code>\nprint('still', total)\nfinal_answer(f'They cost {total} euros.')\n</code>",
    ],
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_models_code_runs_in_a_context_and_calls_the_programs_function(
    name: str, client_daemon: SharedDaemon
) -> None:
    with scripted(*SCRIPTS[name]) as model:
        keys = {"ANTHROPIC_API_KEY": "none", "OPENAI_API_KEY": "none"}
        places = {"ANTHROPIC_BASE_URL": model.url, "OPENAI_BASE_URL": model.url}
        command = [python_of("agents"), FOLDER / f"{name}.py", "What do they cost?", "--url", client_daemon.url]
        environment = clean(**keys, **places)
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=RUN_LIMIT_S)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == ANSWER
    assert "total: 178.5" in json.dumps(model.asked[1])
    if len(model.asked) > 2:
        assert "still 178.5" in json.dumps(model.asked[2])


def test_every_example_is_run() -> None:
    assert {path.stem for path in FOLDER.glob("*.py")} == set(SCRIPTS)
    readme = (ROOT / "examples" / "README.md").read_text("utf-8")
    assert [name for name in SCRIPTS if f"](frameworks/{name}.py)" not in readme] == []
