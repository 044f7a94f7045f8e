"""How fast the daemon is: ``python -m benchmarks``. Each figure is measured next to its floor, in turns, in one run.

A machine is never quiet, so milliseconds mean little and ratios mean more: the daemon and its floor take turns in short
blocks, and the ratio is the median over the blocks. All servers run on 127.0.0.1 and are ended at the end.
"""
