"""Attacks: code that tries to leave its context, harmless when it succeeds; `doctor --isolation` runs them."""
