"""Linux processes: families, how they are killed, and how much they use. Nothing here knows a context."""
