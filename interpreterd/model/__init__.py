"""The words that all rooms share: events, requests, limits, errors. No I/O, no wire format."""
