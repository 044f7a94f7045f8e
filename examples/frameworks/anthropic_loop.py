"""Anthropic's tool use: the model writes Python, which runs in a context and calls a function of this program.

python examples/frameworks/anthropic_loop.py "What do three lamps and a desk cost?"

It needs the package anthropic and a key in ANTHROPIC_API_KEY.
"""

import argparse
from typing import Any

from interpreterd.client import Context, Interpreter, describe

PRICES = {"lamp": 19.5, "desk": 120.0, "chair": 45.0}
TURNS = 20


def find_price(product: str) -> float:
    """Return the price of a product, in euros."""
    return PRICES[product]  # a real function asks a shop's database, with a password that the code never sees


TOOL = {
    "name": "run_python",
    "description": f"Run Python; variables stay. Print what you want to see. It may call:\n{describe([find_price])}",
    "input_schema": {"type": "object", "properties": {"code": {"type": "string"}}, "required": ["code"]},
}


def use_tool(context: Context, call: Any) -> dict[str, Any]:
    """Run the code of a ``tool_use`` block; return its ``tool_result``: text, and the latest picture."""
    execution = context.execute(call.input["code"], functions=[find_price], timeout=60)
    content: list[dict[str, Any]] = [{"type": "text", "text": str(execution) or execution.text or "(no output)"}]
    if (
        picture := next((it.data["image/png"] for it in execution.results if "image/png" in it.data), None)
    ) is not None:
        source = {"type": "base64", "media_type": "image/png", "data": picture}
        content.append({"type": "image", "source": source})
    failed = execution.error is not None
    return {"type": "tool_result", "tool_use_id": call.id, "content": content, "is_error": failed}


def answer(question: str, model: str, context: Context) -> str:
    """Let the model think and run code until it answers."""
    import anthropic

    client = anthropic.Anthropic()
    messages: list[Any] = [{"role": "user", "content": question}]
    for _ in range(TURNS):
        tools: Any = [TOOL]
        reply = client.messages.create(model=model, max_tokens=4096, tools=tools, messages=messages)
        messages.append({"role": "assistant", "content": reply.content})
        results = [use_tool(context, block) for block in reply.content if block.type == "tool_use"]
        if not results:
            return "".join(block.text for block in reply.content if block.type == "text")
        messages.append({"role": "user", "content": results})
    return "no answer"


def main() -> None:
    """Answer the question of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("question")
    parser.add_argument("--model", default="claude-sonnet-4-5")
    parser.add_argument("--url", help="of a daemon; default: a private one")
    arguments = parser.parse_args()
    with Interpreter(arguments.url) if arguments.url else Interpreter.local() as py, py.create_context() as context:
        print(answer(arguments.question, arguments.model, context))


if __name__ == "__main__":
    main()
