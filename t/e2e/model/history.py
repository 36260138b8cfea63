"""Who was there when: every state that the store or the configuration may have had between two moments."""

from bisect import bisect_left, bisect_right
from math import inf


class History:
    """A change took effect at some instant between its beginning and its end (monotonic), so two states may be there in between."""

    def __init__(self, first):
        self.states = [first]
        self.last = first
        self._from, self._to = [-inf], [inf]
        self._current = 0

    def change(self, state, start, end, between=()):
        """between: states that may have been there on the way, where several changes came at once."""
        self._to[self._current] = end
        for passing in between:
            self._add(passing, start, end)
        self._current = len(self.states)
        self._add(state, start, inf)
        self.last = state

    def between(self, start, end):
        """Numbers of the states that may have been there at some instant of it."""
        # _to rises, but for states on the way, which end with the one before them.
        numbers = range(bisect_left(self._to, start), bisect_right(self._from, end))
        return [number for number in numbers if self._to[number] >= start]

    def earlier(self, seconds):
        """The same, with every change that much sooner."""
        other = History(self.states[0])
        other.states, other._current, other.last = self.states, self._current, self.last
        other._from, other._to = ([moment - seconds for moment in list_] for list_ in (self._from, self._to))
        return other

    def _add(self, state, start, end):
        self.states.append(state)
        self._from.append(start)
        self._to.append(end)
