"""Worker processes: how they start, what they are told, and how they end."""
