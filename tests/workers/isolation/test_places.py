"""What isolated contexts may read of the system is a list without secrets."""

import pytest

from interpreterd.model.isolation import is_below
from interpreterd.workers.isolation.places import OF_STANDARD, OF_STRICT

SECRETS = [
    "/etc/shadow",
    "/etc/ssh/ssh_host_rsa_key",
    "/etc/ssl/private/key.pem",
    "/etc/sudoers",
    "/etc/kubernetes/admin.conf",
    "/root/.ssh/id_rsa",
    "/home/me/.aws/credentials",
    "/var/lib/docker",
    "/var/log/syslog",
    "/run/secrets/kubernetes.io",
    "/run/docker.sock",
    "/boot/vmlinuz",
    "/dev/mem",
    "/sys/kernel/debug",
    "/tmp/other",
    "/srv",
]


@pytest.mark.parametrize("path", SECRETS)
def test_a_secret_is_not_among_them(path: str) -> None:
    assert not is_below(path, OF_STANDARD)
    assert not is_below(path, OF_STRICT)


def test_strict_is_no_more_than_standard() -> None:
    assert all(is_below(path, OF_STANDARD) for path in OF_STRICT)
