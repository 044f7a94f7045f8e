"""A program that uses OpenSandbox, directed by its environment: it runs code in the context with the given id."""

import sys

from code_interpreter import CodeInterpreterSync
from opensandbox import SandboxSync

with (
    SandboxSync.create("opensandbox/code-interpreter:latest") as sandbox,
    CodeInterpreterSync.create(sandbox=sandbox) as interpreter,
):
    context = interpreter.codes.get_context(sys.argv[1])
    print(interpreter.codes.run("seen.append('OpenSandbox')\nprint(*seen, sep=', ')", context=context).text)
