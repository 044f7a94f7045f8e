"""WebSockets, from the moment when aiohttp has accepted a request: frames and connections."""
