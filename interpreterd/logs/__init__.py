"""The daemon's log: its format, its limits, and the thread that writes it."""
