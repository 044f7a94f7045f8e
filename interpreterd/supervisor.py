"""Tells systemd, or another supervisor that speaks its protocol, the state of the daemon: sd_notify(3)."""

import asyncio
import logging
import os
import socket
import time
from typing import Final

SIGNS: Final = 3  # of life, in each period of the watchdog
_log = logging.getLogger(__name__)


class Supervisor:
    """The supervisor at ``address``, a unix socket's path, or a name that begins with ``@``; empty for none.

    Nothing here blocks or raises: a supervisor that does not listen is not waited for.
    """

    def __init__(self, address: str, watchdog_s: float | None = None) -> None:
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._period_s = None if watchdog_s is None else watchdog_s / SIGNS
        self._timer: asyncio.TimerHandle | None = None

    def tell(self, *states: str) -> None:
        """Send assignments such as ``READY=1``, as one message."""
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
            try:
                sock.sendto("\n".join(states).encode(), self._address)
            except OSError as error:
                _log.debug("the supervisor does not listen: %s", error.strerror or error)

    def ready(self, status: str) -> None:
        """Tell that the daemon accepts connections, and begin with signs of life if they are wanted."""
        self.tell("READY=1", f"STATUS={status}", f"MAINPID={os.getpid()}")
        if self._address and self._period_s is not None and self._timer is None:
            self._live()

    def reloading(self) -> None:
        """Tell that settings are being read again; ``READY=1`` ends it."""
        self.tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self, within_s: float) -> None:
        """Tell that the daemon ends, ``within_s`` at most."""
        self.tell("STOPPING=1", f"EXTEND_TIMEOUT_USEC={int(within_s * 1e6)}")

    def hand_over(self, pid: int) -> None:
        """Tell that ``pid`` is the daemon from now on; it tells everything else itself."""
        self.tell("READY=1", f"MAINPID={pid}")
        self.close()

    def close(self) -> None:
        """Tell no more."""
        self._address = ""
        if self._timer is not None:
            self._timer.cancel()

    def _live(self) -> None:
        # By the event loop: if it stands still, so does this.
        self.tell("WATCHDOG=1")
        assert self._period_s is not None
        self._timer = asyncio.get_running_loop().call_later(self._period_s, self._live)
