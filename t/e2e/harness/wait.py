"""Waiting: always by polling, always with a bound."""

import time


def until(condition, timeout=10, what="the condition"):
    """Polls until condition() is true and returns what it answered; AssertionError after timeout seconds."""
    deadline = time.monotonic() + timeout
    while True:
        answer = condition()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"waited {timeout} s in vain for {what}"
        time.sleep(0.005)
