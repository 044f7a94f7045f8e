"""Who reads and writes WebSocket frames best: ``python -m benchmarks.frames``, a table of strictness and one of cost.

The daemon's own ``frames.py`` beside libraries that could take its place. No socket: bytes in, messages out.
"""
