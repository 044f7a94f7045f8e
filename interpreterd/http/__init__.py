"""HTTP and WebSocket, without any API."""
