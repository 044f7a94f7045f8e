"""Worker processes: how they start, how the daemon speaks with them, and how they end."""
