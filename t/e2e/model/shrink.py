"""Makes a failing journal short: takes operations out, then requests, as long as it still fails."""

import time

from .journal import asks_of

SECONDS = 240  # for all of it


def shrink(ops, fails, say=print, seconds=SECONDS):
    """fails(ops): what is wrong, or "". Answers with the shortest journal found, which failed when it was tried last."""
    deadline = time.monotonic() + seconds
    ops = less(ops, fails, deadline)
    say(f"shrunk to {len(ops)} operations")
    ops = less([part for op in ops for part in apart(op)], fails, deadline, otherwise=ops)
    for i in range(len(ops) - 1, -1, -1):
        if ops[i]["do"] == "ask" and time.monotonic() < deadline:
            whole = {**ops[i], "asks": [list(ask) for ask in asks_of(ops[i])]}
            ops = less_asks(ops, i, whole, fails, deadline)
    return ops


def apart(op):
    """What runs at the same time, one after the other."""
    return [part for one in op["ops"] for part in (op["ask"], one)] + [op["ask"]] if op["do"] == "during" else [op]


def less(items, fails, deadline, otherwise=None):
    """Delta debugging: leaves out ever smaller pieces. `otherwise` is the answer where items don't fail to begin with."""
    if otherwise is not None and not fails(items):
        return otherwise
    size = len(items) // 2
    while size >= 1:
        start = len(items)  # from the back: what comes after the failure goes first
        while start > 0 and time.monotonic() < deadline:
            start = max(0, start - size)
            rest = items[:start] + items[start + size :]
            if rest and fails(rest):
                items = rest
        size //= 2
    return items


def less_asks(ops, i, whole, fails, deadline):
    def with_asks(asks):
        return [*ops[:i], {**whole, "asks": asks}, *ops[i + 1 :]]

    if not fails(with_asks(whole["asks"])):
        return ops
    return with_asks(less(whole["asks"], lambda asks: fails(with_asks(asks)), deadline))
