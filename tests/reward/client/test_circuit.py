"""When a server that failed is asked again, on a clock of the test's own."""

from __future__ import annotations

import pytest

from reward.client.circuit import Circuit, backoff


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def circuit(clock: Clock) -> Circuit:
    return Circuit(clock)


def test_a_failure_leaves_out_until_the_server_is_back(circuit: Circuit, clock: Clock) -> None:
    assert circuit.is_closed
    circuit.failed()
    assert not circuit.is_closed
    assert 0.05 <= circuit.pause_s <= 0.1
    clock.now += 0.1
    assert circuit.is_due
    circuit.is_back()
    assert circuit.is_closed
    assert circuit.pause_s == 0


def test_retry_after_is_kept_to(circuit: Circuit, clock: Clock) -> None:
    circuit.failed(7.0)
    assert circuit.pause_s == 7.0
    clock.now += 6.9
    assert not circuit.is_due


def test_calls_that_fail_together_are_one_failure(circuit: Circuit) -> None:
    for _ in range(20):
        circuit.failed()
    assert circuit.pause_s <= 0.1
    circuit.failed(3.0)
    assert circuit.pause_s == 3.0


def test_pauses_grow_until_a_success(circuit: Circuit, clock: Clock) -> None:
    for failures in range(10):
        circuit.failed()
        longest = min(5.0, 0.1 * 2**failures)
        assert longest / 2 <= circuit.pause_s <= longest
        clock.now += circuit.pause_s
        circuit.is_back()
    circuit.succeeded()
    circuit.failed()
    assert circuit.pause_s <= 0.1


def test_backoff_is_jittered() -> None:
    assert len({backoff(3) for _ in range(10)}) > 1
