"""Layers that confine a worker: a file for each, and a row of a table here, as for launchers; there are none yet."""
