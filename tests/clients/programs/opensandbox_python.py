"""OpenSandbox's Python SDK, blocking."""

import contextlib

import httpx
from checks import main

DIALECT = "opensandbox"
CLIENT = "Python"


@contextlib.contextmanager
def setup(url):
    with httpx.Client(base_url=url) as client:
        yield client


def check_ping(client):
    """The execution daemon answers a ping."""
    assert client.get("/ping").status_code == 200


if __name__ == "__main__":
    main(globals())
