"""smolagents: a CodeAgent whose code runs in a context, and whose tools stay in this program.

python examples/frameworks/smolagents_agent.py "What do three lamps and a desk cost?"

It needs the package smolagents[openai] and a key in OPENAI_API_KEY.
"""

import argparse
import json
from collections.abc import Callable
from typing import Any

from interpreterd.client import Context, Interpreter

PRICES = {"lamp": 19.5, "desk": 120.0, "chair": 45.0}
TURNS = 20


def find_price(product: str) -> float:
    """Return the price of a product, in euros.

    Args:
        product: Its name, in the singular.
    """
    return PRICES[product]  # a real function asks a shop's database, with a password that the code never sees


def make_executor(context: Context) -> Any:
    """Return an executor for a ``CodeAgent``: its tools are host functions of each execution."""
    from smolagents.local_python_executor import CodeOutput, PythonExecutor

    class ContextExecutor(PythonExecutor):  # type: ignore[misc]
        """Runs an agent's code in ``context``."""

        def __init__(self) -> None:
            self._tools: dict[str, Callable[..., Any]] = {}
            self._answers: list[Any] = []

        def send_tools(self, tools: dict[str, Any]) -> None:
            self._tools = {**tools, "final_answer": self._answers.append}

        def send_variables(self, variables: dict[str, Any]) -> None:
            context.execute(f"import json; globals().update(json.loads({json.dumps(variables)!r}))").raise_for_error()

        def __call__(self, code: str) -> Any:
            execution = context.execute(code, functions=self._tools, timeout=60)
            if execution.error is not None:
                raise RuntimeError(str(execution))
            value = execution.results[-1].text if execution.results else None
            if self._answers:
                return CodeOutput(output=self._answers.pop(), logs=execution.stdout, is_final_answer=True)
            return CodeOutput(output=value, logs=execution.stdout, is_final_answer=False)

    return ContextExecutor()


def answer(question: str, model: str, context: Context) -> str:
    """Let an agent answer."""
    import smolagents

    tool = smolagents.tool(find_price)
    served = smolagents.OpenAIModel(model_id=model)
    agent = smolagents.CodeAgent([tool], served, executor=make_executor(context), max_steps=TURNS, verbosity_level=0)
    return str(agent.run(question))


def main() -> None:
    """Answer the question of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("question")
    parser.add_argument("--model", default="gpt-5-mini")
    parser.add_argument("--url", help="of a daemon; default: a private one")
    arguments = parser.parse_args()
    with Interpreter(arguments.url) if arguments.url else Interpreter.local() as py, py.create_context() as context:
        print(answer(arguments.question, arguments.model, context))


if __name__ == "__main__":
    main()
