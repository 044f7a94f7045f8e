"""A program that uses E2B, directed by its environment: it runs code in the context whose id is its argument."""

import sys

from e2b_code_interpreter import Sandbox

sandbox = Sandbox.create()
context = next(it for it in sandbox.list_code_contexts() if it.id == sys.argv[1])
print(sandbox.run_code("seen.append('E2B')\nprint(*seen, sep=', ')", context=context).logs.stdout[0], end="")
