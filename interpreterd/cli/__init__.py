"""The command line for people: everything but ``serve``, which is in ``interpreterd.start`` and imports none of it.

Each command is a module of its own, imported when it is used: ``interpreterd.cli.main`` has the list.
"""
