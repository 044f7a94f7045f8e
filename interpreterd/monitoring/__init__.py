"""What the daemon counts and writes down of its work: metrics, the audit log, traces."""
