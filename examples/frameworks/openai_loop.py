"""OpenAI's tool calls: the model writes Python, which runs in a context and calls a function of this program.

python examples/frameworks/openai_loop.py "What do three lamps and a desk cost?"

It needs the package openai and a key in OPENAI_API_KEY.
"""

import argparse
import json
from typing import Any

from interpreterd.client import Context, Interpreter, describe

PRICES = {"lamp": 19.5, "desk": 120.0, "chair": 45.0}
TURNS = 20


def find_price(product: str) -> float:
    """Return the price of a product, in euros."""
    return PRICES[product]  # a real function asks a shop's database, with a password that the code never sees


TOOL = {
    "type": "function",
    "name": "run_python",
    "description": f"Run Python; variables stay. Print what you want to see. It may call:\n{describe([find_price])}",
    "parameters": {"type": "object", "properties": {"code": {"type": "string"}}, "required": ["code"]},
}


def use_tool(context: Context, call: Any) -> dict[str, Any]:
    """Run the code of a ``function_call``; return its output."""
    code = json.loads(call.arguments)["code"]
    execution = context.execute(code, functions=[find_price], timeout=60)
    return {"type": "function_call_output", "call_id": call.call_id, "output": str(execution) or execution.text}


def answer(question: str, model: str, context: Context) -> str:
    """Let the model think and run code until it answers."""
    import openai

    client = openai.OpenAI()
    messages: list[Any] = [{"role": "user", "content": question}]
    for _ in range(TURNS):
        tools: Any = [TOOL]
        reply = client.responses.create(model=model, tools=tools, input=messages)
        messages += reply.output
        results = [use_tool(context, item) for item in reply.output if item.type == "function_call"]
        if not results:
            return str(reply.output_text)
        messages += results
    return "no answer"


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
