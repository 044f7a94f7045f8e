"""What is spoken of: events, requests, limits, errors. No I/O, no wire format."""
