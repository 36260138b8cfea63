"""Whether limits were kept: never more than a window may admit, and no refusal before it could have been full."""

from bisect import bisect_left, bisect_right
from collections import defaultdict, namedtuple
from itertools import accumulate

# What a request took of a window. least, most: for good. passing: for a moment at most, and given back. terms: alternatives, each of
# (limit, what the request had taken by then)s that all fitted. refused: (limit, the same)s of which one may have refused it.
Event = namedtuple("Event", "number start end least most passing terms refused")


def check_counts(events, resized, slack_s):
    """events: {counter: [Event]}; the third part of a counter's name is its window in seconds. Answers with (number, text)s.

    resized: spans in which the zone was exchanged: what old workers admitted then may be unknown to the new zone.
    """
    from .check import Problem

    problems, full = [], {}
    waiting = defaultdict(list)
    for counter, list_ in events.items():
        list_.sort(key=lambda event: event.end)
        kept = [e for e in list_ if e.least and e.terms and not any(a <= e.end and e.start <= b for a, b in resized)]
        look = too_many_ever if counter[2] >= 3600 else too_many_soon
        problems += [
            Problem(number, f"{text} in the window {counter}") for number, text in look(kept, counter[2], slack_s)
        ]
        full[counter] = Fullness(list_, counter[2], slack_s)
        for event in list_:
            if event.refused:
                waiting[event.number].append((counter, event))
    for number, refusals in waiting.items():
        if not any(full[counter].could_refuse(event) for counter, event in refusals):
            counts = [(counter, full[counter].possible(event), sorted(event.refused)) for counter, event in refusals]
            problems.append(Problem(number, f"429, but none of its windows can have been full: {counts}"))
    return problems


def too_many_ever(kept, per, slack_s):
    """A window that outlasts the test: each admission by what was there before it, and those under a limit by their sum, as the last of
    them met all others."""
    ends, sums = [event.end for event in kept], [0, *accumulate(event.least for event in kept)]
    for event in kept:
        before = sums[bisect_left(ends, event.start)]
        if all(any(before + amount > limit for limit, amount in demands) for demands in event.terms):
            yield event.number, f"admitted after {before}, of {sorted(event.terms)}"
            return
    for most in sorted({limit for event in kept for demands in event.terms for limit, _ in demands}):
        total = 0
        for event in kept:
            total += min(
                max((amount for limit, amount in demands if limit <= most), default=0) for demands in event.terms
            )
            if total > most:
                yield event.number, f"{total} admitted of {most}"
                return


def too_many_soon(kept, per, slack_s):
    """A short window: twice the limit and one more are not admitted within less than a whole one."""
    for i, event in enumerate(kept):
        limit = max(limit for demands in event.terms for limit, _ in demands)
        if i >= 2 * limit and event.end - kept[i - 2 * limit].start < per - slack_s:
            yield event.number, f"{2 * limit + 1} admitted in {event.end - kept[i - 2 * limit].start:.3f} s of {per} s, where {limit} are"
            return


class Fullness:
    def __init__(self, events, per, slack_s):
        self._starts = sorted((e.start, e.most) for e in events if e.most)
        self._ends = sorted((e.end, e.most) for e in events if e.most)
        self._start_sums = [0, *accumulate(cost for _, cost in self._starts)]
        self._end_sums = [0, *accumulate(cost for _, cost in self._ends)]
        self._passing = [(e.start, e.end, e.passing) for e in events if e.passing]
        self._reach_s = per + slack_s

    def possible(self, event):
        """The most that others can have had in a window at some instant of it."""
        begun = self._start_sums[bisect_right(self._starts, (event.end, float("inf")))]
        gone = self._end_sums[bisect_left(self._ends, (event.start - self._reach_s, 0))]
        return begun - gone - event.most

    def could_refuse(self, event):
        least = min(limit - amount for limit, amount in event.refused)
        count = self.possible(event)
        if count > least:
            return True
        for start, end, amount in self._passing:
            count += amount if start <= event.end and end >= event.start else 0
        return count > least
