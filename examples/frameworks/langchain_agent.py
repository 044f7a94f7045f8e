"""LangChain: a tool that runs Python in a context, which calls a function of this program.

python examples/frameworks/langchain_agent.py "What do three lamps and a desk cost?"

It needs the package langchain, langchain-openai, and a key in OPENAI_API_KEY.
"""

import argparse
from typing import Any

from interpreterd.client import Context, Interpreter, describe

PRICES = {"lamp": 19.5, "desk": 120.0, "chair": 45.0}
TURNS = 20


def find_price(product: str) -> float:
    """Return the price of a product, in euros."""
    return PRICES[product]  # a real function asks a shop's database, with a password that the code never sees


def make_tool(context: Context) -> Any:
    """Return the tool of an agent."""
    from langchain.tools import tool

    def run_python(code: str) -> str:
        execution = context.execute(code, functions=[find_price], timeout=60)
        return str(execution) or execution.text or "(no output)"

    told = f"Run Python code; variables stay. Print what you want to see. It may call:\n{describe([find_price])}"
    return tool("run_python", description=told)(run_python)


def answer(question: str, model: str, context: Context) -> str:
    """Let an agent answer."""
    from langchain.agents import create_agent

    agent: Any = create_agent(f"openai:{model}", tools=[make_tool(context)])
    state = agent.invoke({"messages": [{"role": "user", "content": question}]}, {"recursion_limit": 2 * TURNS})
    return str(state["messages"][-1].text)


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
