"""E2B's API, of its code interpreter."""
