"""Holds what was seen against the model: every answer, and every request that reached the backend."""

from bisect import bisect_right
from collections import defaultdict, namedtuple
from math import floor

from .counts import Event, check_counts
from .principals import NOBODY
from .rules import LOCATIONS, STATUS, Scene, decide, edges

# start, end: monotonic. status 0: no answer came, and then end is when that was known.
Seen = namedtuple("Seen", "number ask start end status reason")
# What the backend says of it. identity: as in rules.Verdict. credential: whether one was left in the request. cookie: the field, or "".
Reached = namedtuple("Reached", "at identity credential cookie")
Problem = namedtuple("Problem", "number text")

WITH_COOKIES = ("cookie", "page", "ambient")
OTHER_COOKIES = "a=b; c=d"  # what is around the credential

# nginx's clock stands still while a worker handles a round of events, and a busy machine may stop it there; it is never ahead.
LAG_S = 1


class Checker:
    """histories: of the store (World), the configuration (its variant), the key sets ({source: names}), and of whether the key server
    answers. tokens: {name: Token}. wall_s: Unix time minus monotonic time. patience: a factor for slow builds. resized: spans in which
    the zone was exchanged; broken: in which connections may be cut. model: decide(), or one that errs on purpose."""

    def __init__(self, histories, tokens, wall_s, patience=1, resized=(), broken=(), model=decide):
        self.stores, self.configurations, self.sets, self.servers = histories
        self.tokens, self.wall_s = tokens, wall_s
        self.lag_s = LAG_S * patience
        self.resized, self.broken, self.model = resized, broken, model
        self._known, self._edges = {}, {}
        self.expired_or_not = 0  # requests about which the clock left a doubt
        self.in_between = 0  # requests that a change overlapped

    def run(self, all_seen, reached):
        problems, events = [], defaultdict(list)
        numbers = set()
        for seen in all_seen:
            numbers.add(seen.number)
            came = reached.get(seen.number, ())
            text = self.look(seen, came, events)
            if text:
                problems.append(Problem(seen.number, text))
        problems += [Problem(number, "the backend got a request that nobody sent") for number in reached if number not in numbers]
        problems += check_counts(events, self.resized, self.lag_s)
        return sorted(problems, key=lambda problem: "ADMITTED" not in problem.text)  # what must not be comes first

    def verdicts(self, ask, start, end):
        """Every verdict that may have been right at some instant of it."""
        stores, variants = self.stores.between(start, end), self.configurations.between(start, end)
        sets = self.sets.between(start, end) if ask.key in self.tokens else [0]
        self.in_between += len(stores) > 1 or len(sets) > 1
        for store in stores:
            for variant in variants:
                moments = self.moments(store, variant, ask, start, end)
                self.expired_or_not += len(moments) > 1
                for now_s in moments:
                    for keys in sets:
                        yield self.verdict(store, variant, keys, ask, now_s)

    def moments(self, store, variant, ask, start, end):
        """The seconds (Unix time) that a worker may have gone by, one for each span in which nothing changes by itself."""
        name = store, variant, ask.key
        if name not in self._edges:
            world, token = self.stores.states[store], self.tokens.get(ask.key)
            self._edges[name] = edges(world, self.configurations.states[variant], ask, token)
        changes = self._edges[name]
        if not changes:
            return [0]
        first = bisect_right(changes, floor(start + self.wall_s - self.lag_s))
        last = bisect_right(changes, floor(end + self.wall_s))
        return [changes[i - 1] if i else changes[0] - 1 for i in range(first, last + 1)]

    def verdict(self, store, variant, keys, ask, now_s):
        name = store, variant, keys, ask, now_s
        known = self._known.get(name)
        if known is None:
            scene = Scene(self.configurations.states[variant], self.sets.states[keys], self.tokens)
            known = self._known[name] = self.model(self.stores.states[store], scene, ask, now_s)
        return known

    def look(self, seen, came, events):
        """What is wrong, or None; notes what was charged."""
        ask = seen.ask
        if len(came) > 1:
            return "it reached the backend twice"
        end = seen.end if not came else min(seen.end, came[0].at) if seen.status else came[0].at
        verdicts = list(self.verdicts(ask, seen.start, end))
        self.note(seen, came, verdicts, events)
        wrong = None
        if came:
            wrong = self.look_at_admitted(ask, came[0], verdicts)
        elif seen.status == 200:
            wrong = "200, and it never reached the backend"
        elif seen.status == 0 and ask.kind != "double" and not self.cut(seen):
            wrong = "no answer came, and nothing cut the connection"
        if wrong or seen.status == 0:
            return wrong
        if came:
            return None if seen.status == 200 else f"it reached the backend, and the answer was {seen.status} {seen.reason}"
        if STATUS.get(seen.reason) != seen.status:
            return f"{seen.status} with the reason {seen.reason!r}"
        for verdict in verdicts:
            if seen.reason == verdict.reason and (not verdict.waits or self.is_dated(ask) or self.answers(seen)):
                return None
            if seen.reason == "rate_limited" and verdict.charges:
                return None
            if seen.reason == "busy" and verdict.bcrypt:
                return None
            if seen.reason == "keys_unavailable" and verdict.waits:
                return None
        return f"refused with {seen.reason}, but {told(verdicts)}"

    def is_dated(self, ask):
        """Whether the token says when it was issued: then it may be known at once that the last fetch should have brought its key."""
        return "iat" in self.tokens[ask.key].claims

    def answers(self, seen):
        """Whether the key server may have said meanwhile that there is no such key."""
        return any(self.servers.states[number] for number in self.servers.between(seen.start, seen.end))

    def cut(self, seen):
        return any(start <= seen.end and seen.start <= end + self.lag_s for start, end in self.broken)

    def look_at_admitted(self, ask, came, verdicts):
        possible = [verdict for verdict in verdicts if not verdict.reason]
        if not possible:
            return f"ADMITTED WITHOUT A REASON: {told(verdicts)}"
        # Where a limit is used up, shadow lets it pass and sets no identity.
        unknown = came.identity == NOBODY and LOCATIONS[ask.location].mode == "shadow"
        if not any(came.identity == verdict.identity or unknown and verdict.charges for verdict in possible):
            return f"the backend was told {came.identity}, but {told(possible)}"
        if came.credential and LOCATIONS[ask.location].mode == "on" and any(v.identity != NOBODY for v in possible):
            return "the backend saw the credential"
        if LOCATIONS[ask.location].cookie and came.cookie != (OTHER_COOKIES if ask.kind in WITH_COOKIES else ""):
            return "the backend saw other cookies than it should have"
        return None

    def note(self, seen, came, verdicts, events):
        """For each window that it may have been charged in, what is known of that."""
        location = LOCATIONS[seen.ask.location]
        found = {}
        for verdict in verdicts:
            for counter, limit, cost in verdict.charges:
                found.setdefault(counter, set()).add((limit, cost))
        certain = bool(came) and all(verdict.charges == verdicts[0].charges for verdict in verdicts)
        if location.mode == "shadow":
            certain = certain and came[0].identity != NOBODY
            maybe = bool(came)
        else:
            # What an earlier location took stays taken; of several limits, what was taken is given back in a moment.
            maybe = came or seen.status == 0 or seen.reason == "busy" or location.then is not None
        state = "certain" if certain else "maybe" if maybe else "passing" if len(found) > 1 else "no"
        refused = tuple(found) if seen.reason == "rate_limited" and seen.status == 429 else ()
        for counter, terms in found.items():
            events[counter].append(Event(seen.number, seen.start, seen.end, state, terms, refused))


def told(verdicts):
    texts = dict.fromkeys(verdict.reason or f"admitted as {verdict.identity}" for verdict in verdicts)
    return "the model says " + ", or ".join(texts)
