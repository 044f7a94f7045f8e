"""The daemon's own API."""
