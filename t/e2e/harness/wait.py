"""Waiting: always by polling, always with a bound."""

import time

LEAST = 30  # seconds: a bound only ends what hangs, and must not tell a busy machine from a fault


def until(condition, timeout=LEAST, what="the condition"):
    """Polls until condition() is true and returns what it answered; AssertionError after timeout seconds, or LEAST where that is more."""
    timeout = max(timeout, LEAST)
    deadline = time.monotonic() + timeout
    while True:
        answer = condition()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"waited {timeout} s in vain for {what}"
        time.sleep(0.005)
