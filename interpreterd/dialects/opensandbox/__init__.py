"""OpenSandbox's API, of its execution daemon."""
