"""The language of the worker's channel and pipes, without I/O."""
