"""Linux processes: families, who kills them, and what they use. Nothing here knows a context."""
