"""The worker's wire, without I/O."""
