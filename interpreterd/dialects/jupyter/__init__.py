"""Jupyter's API, as a Kernel Gateway serves it."""
