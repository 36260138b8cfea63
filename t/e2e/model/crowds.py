"""Whether no more were served at once than may be, and nobody was refused where there was room."""

from bisect import bisect_left, bisect_right
from collections import namedtuple

# What is known of a request and one counter. start, end: of it all. at, gone: between which it was served for good; None: that isn't
# known. most: the largest number that it can have been admitted under. may_hold: whether it can have had a place at all. refused: the
# smallest number that may have refused it, or 0.
Place = namedtuple("Place", "number start end at gone most may_hold refused")


def check_places(places, freed_s):
    """places: {counter: [Place]}. Answers with problems. freed_s: for how long a place may still be held when its request has ended."""
    from .check import Problem

    problems = []
    for counter, list_ in places.items():
        sure = sorted((place for place in list_ if place.at is not None), key=lambda place: place.at)
        problems += [Problem(number, f"{text} of {counter}") for number, text in too_many(sure)]
        holders = sorted((place for place in list_ if place.may_hold), key=lambda place: place.start)
        for place in list_:
            if place.refused and (most := at_most(holders, place, freed_s)) < place.refused:
                problems.append(
                    Problem(place.number, f"429, but there were {most} of {place.refused} of {counter} at most")
                )
    return problems


def too_many(sure):
    """Of those that are served at one instant the last that was admitted met all others."""
    served = []
    for place in sure:
        served = [*(other for other in served if other.gone > place.at), place]
        if len(served) > max(other.most for other in served):
            yield place.number, f"{len(served)} are served at once, where {max(other.most for other in served)} are"


def at_most(holders, place, freed_s):
    """How many others can have held a place at some instant of the request."""
    starts = [other.start for other in holders]
    others = [
        other
        for other in holders[: bisect_right(starts, place.end)]
        if other.end + freed_s >= place.start and other.number != place.number
    ]
    begins = sorted(max(other.start, place.start) for other in others)
    ends = sorted(other.end + freed_s for other in others)
    return max((i + 1 - bisect_left(ends, begin) for i, begin in enumerate(begins)), default=0)
