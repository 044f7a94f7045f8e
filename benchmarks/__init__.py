"""How fast the daemon is: ``python -m benchmarks``. Each figure is measured next to its floor, in turns, in one run.

A machine is never quiet, so a number of milliseconds says little and a ratio says something: the daemon and its floor
take turns in short blocks, and the ratio is the median over the blocks. What is started runs on 127.0.0.1 and is
ended at the end.
"""
