"""Whether limits were kept: never more than a window may admit, and no refusal before it could have been full."""

from bisect import bisect_left, bisect_right
from collections import defaultdict, namedtuple
from itertools import accumulate

# state: certain (charged), maybe, passing (charged for a moment at most, and given back), no.
# terms: the (limit, cost) that may have applied. refused: the windows of which one has to have been full, where it was 429.
Event = namedtuple("Event", "number start end state terms refused")


def check_counts(events, resized, slack_s):
    """events: {counter: [Event]}; the third part of a counter's name is its window in seconds. Answers with (number, text)s.

    resized: spans in which the zone was exchanged: what old workers admitted then may be unknown to the new zone.
    """
    from .check import Problem

    problems, full = [], {}
    waiting = defaultdict(list)
    for counter, list_ in events.items():
        list_.sort(key=lambda event: event.end)
        kept = [e for e in list_ if e.state == "certain" and not any(a <= e.end and e.start <= b for a, b in resized)]
        look = too_many_ever if counter[2] >= 3600 else too_many_soon
        problems += [Problem(number, f"{text} in the window {counter}") for number, text in look(kept, counter[2], slack_s)]
        full[counter] = Fullness(list_, counter[2], slack_s)
        for event in list_:
            if event.refused:
                waiting[event.number].append((counter, event))
    for number, refusals in waiting.items():
        if not any(full[counter].could_refuse(event) for counter, event in refusals):
            counts = [(counter, full[counter].possible(event), sorted(event.terms)) for counter, event in refusals]
            problems.append(Problem(number, f"429, but none of its windows can have been full: {counts}"))
    return problems


def least_cost(event):
    return min(cost for _, cost in event.terms)


def too_many_ever(kept, per, slack_s):
    """A window that outlasts the test: the sum, and where the limit changes, each admission by what was there before it."""
    most = max((limit for event in kept for limit, _ in event.terms), default=0)
    ends, sums = [event.end for event in kept], [0, *accumulate(least_cost(event) for event in kept)]
    if sums[-1] > most:
        yield next((e.number, f"{sums[-1]} admitted of {most}") for e, total in zip(kept, sums[1:]) if total > most)
        return
    for event in kept:
        before = sums[bisect_left(ends, event.start)]
        if all(before + cost > limit for limit, cost in event.terms):
            yield event.number, f"admitted after {before}, of {sorted(event.terms)}"
            return


def too_many_soon(kept, per, slack_s):
    """A short window: twice the limit and one more are not admitted within less than a whole one."""
    for i, event in enumerate(kept):
        limit = max(limit for limit, _ in event.terms)
        if i >= 2 * limit and event.end - kept[i - 2 * limit].start < per - slack_s:
            yield event.number, f"{2 * limit + 1} admitted in {event.end - kept[i - 2 * limit].start:.3f} s of {per} s, where {limit} are"
            return


class Fullness:
    def __init__(self, events, per, slack_s):
        costs = [(e, max(cost for _, cost in e.terms)) for e in events]
        self._starts = sorted((e.start, cost) for e, cost in costs if e.state in ("certain", "maybe"))
        self._ends = sorted((e.end, cost) for e, cost in costs if e.state in ("certain", "maybe"))
        self._start_sums = [0, *accumulate(cost for _, cost in self._starts)]
        self._end_sums = [0, *accumulate(cost for _, cost in self._ends)]
        self._passing = [(e.start, e.end, cost) for e, cost in costs if e.state == "passing"]
        self._reach_s = per + slack_s

    def possible(self, event):
        """The most that can have been in a window at some instant of it."""
        begun = self._start_sums[bisect_right(self._starts, (event.end, float("inf")))]
        gone = self._end_sums[bisect_left(self._ends, (event.start - self._reach_s, 0))]
        return begun - gone

    def could_refuse(self, event):
        least = min(limit - cost for limit, cost in event.terms)
        count = self.possible(event)
        if count > least:
            return True
        for start, end, cost in self._passing:
            count += cost if start <= event.end and end >= event.start else 0
        return count > least
