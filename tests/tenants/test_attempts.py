"""Wrong tokens are counted for each address."""

from interpreterd.tenants.attempts import ADDRESSES_LIMIT, ATTEMPT_PERIOD_S, ATTEMPTS_AT_ONCE, Attempts, network_of


class Clock:
    """A clock that stands still until a test moves it."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_after_some_attempts_an_address_has_to_wait_and_others_have_not() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    assert [attempts.fails("192.0.2.1") for _ in range(ATTEMPTS_AT_ONCE)] == [0] * ATTEMPTS_AT_ONCE
    assert attempts.fails("192.0.2.1") == ATTEMPT_PERIOD_S
    assert attempts.fails("192.0.2.2") == 0
    clock.now = ATTEMPT_PERIOD_S
    assert attempts.fails("192.0.2.1") == 0
    assert attempts.fails("192.0.2.1") == ATTEMPT_PERIOD_S


def test_a_short_token_is_taken_from_a_suspicious_address_only_if_it_came_from_there_before() -> None:
    attempts = Attempts(Clock())
    assert attempts.guesses("192.0.2.1") == 0
    for address in ("192.0.2.1", "192.0.2.2"):
        for _ in range(ATTEMPTS_AT_ONCE):
            attempts.fails(address)
    assert attempts.guesses("192.0.2.1") == 0
    assert attempts.guesses("192.0.2.2") == ATTEMPT_PERIOD_S


def test_the_addresses_are_bounded() -> None:
    attempts = Attempts(Clock())
    for _ in range(ATTEMPTS_AT_ONCE + 1):
        attempts.fails("192.0.2.1")
    for number in range(ADDRESSES_LIMIT):
        attempts.fails(f"10.0.{number // 256}.{number % 256}")
    assert attempts.fails("192.0.2.1") == 0


def test_one_machines_addresses_of_ipv6_are_one() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:1%eth0") != network_of("2001:db8:0:1::1")
    assert network_of("not:an:address") == "not:an:address"
    assert network_of("192.0.2.1") == "192.0.2.1"
