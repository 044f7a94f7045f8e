"""E2B's code interpreter, for its SDKs: see ``docs/e2b.md``."""
