"""The requests that are being answered."""

from unittest.mock import Mock

import pytest

from interpreterd.http.open_requests import REVOKED, OpenRequests
from interpreterd.http.websocket.connection import WebSocket
from interpreterd.model.access_errors import QuotaReached
from interpreterd.model.identity import Identity

ACME = Identity(tenant="acme", token="1", sees_all=False)
GLOBEX = Identity(tenant="globex", token="2", sees_all=False)


def test_requests_are_counted_while_they_are_open() -> None:
    requests = OpenRequests()
    with requests.open(Mock(), ACME), requests.open(Mock(), ACME), requests.open(Mock(), GLOBEX):
        assert [requests.count(it) for it in ("acme", "globex", "none")] == [2, 1, 0]
        requests.check("acme", 3)
        requests.check("acme", None)
        with pytest.raises(QuotaReached, match="the tenant's limit max-connections is 2"):
            requests.check("acme", 2)
    assert requests.count("acme") == 0


def test_those_of_outdated_identities_end_and_web_sockets_get_a_reason() -> None:
    requests = OpenRequests()
    plain, upgraded, other, gone = Mock(), Mock(), Mock(), Mock(transport=None)
    socket = Mock(spec=WebSocket)
    upgraded.transport.get_protocol.return_value = socket
    with (
        requests.open(plain, ACME),
        requests.open(upgraded, ACME),
        requests.open(other, GLOBEX),
        requests.open(gone, ACME),
    ):
        requests.end(lambda identity: identity.token == "1")
    plain.transport.abort.assert_called_once_with()
    socket.finish.assert_called_once_with(REVOKED)
    upgraded.transport.abort.assert_not_called()
    other.transport.abort.assert_not_called()
