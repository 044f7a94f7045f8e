"""The command line for people: every command except ``serve``, which ``interpreterd.start`` runs.

Each command is a module of its own, imported when it is used: ``interpreterd.cli.main`` has the list.
"""
