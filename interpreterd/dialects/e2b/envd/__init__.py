"""The part of E2B's API that its servers call envd: files, and commands. See ``docs/e2b.md``."""
