"""Holds what was seen against the model: every answer, and every request that reached the backend."""

from bisect import bisect_right
from collections import defaultdict, namedtuple
from itertools import product
from math import floor

from .asks import COOKIE, credentials, names
from .counts import Event, check_counts
from .crowds import Place, check_places
from .route import ON_THE_WAY, Paid, decide
from .rules import Scene, edges

# start, end: monotonic. status 0: no answer came, and then end is when that was known. named: whom the answer tells of.
Seen = namedtuple("Seen", "number ask start end status reason named", defaults=("",))
# What the backend says of it, as in route.Arrival. cookie: the field, or "". gone: when it was answered, or later.
Reached = namedtuple("Reached", "at path identity names user left cookie gone", defaults=(0,))
Problem = namedtuple("Problem", "number text")

OTHER_COOKIES = "a=b; c=d"  # what is around the credential

# nginx's clock stands still while a worker handles a round of events, and a busy machine may stop it there; it is never ahead.
LAG_S = 1
FREED_S = 0.25  # in which nginx has freed a request whose answer is there, or whose worker is gone


class Checker:
    """histories: of the store (World), the configuration (its variant), the key sets ({source: names}), and of whether the key server
    answers. tokens: {name: Token}. wall_s: Unix time minus monotonic time. patience: a factor for slow builds. resized: spans in which
    the zone was exchanged; broken: in which connections may be cut. model: decide(), or one that errs on purpose."""

    def __init__(self, histories, tokens, wall_s, patience=1, resized=(), broken=(), model=decide):
        self.stores, self.configurations, self.sets, self.servers = histories
        self.tokens, self.wall_s = tokens, wall_s
        self.lag_s, self.patience = LAG_S * patience, patience
        self.resized, self.broken, self.model = resized, broken, model
        self._known, self._edges = {}, {}  # what the model said of situations; when something changes by itself
        self.expired_or_not = 0  # requests about which the clock left a doubt
        self.in_between = 0  # requests that a change overlapped

    def run(self, all_seen, reached):
        problems, events = [], defaultdict(list)
        self.places = defaultdict(list)
        numbers = set()
        for seen in all_seen:
            numbers.add(seen.number)
            came = reached.get(seen.number, ())
            text = self.look(seen, came, events)
            if text:
                problems.append(Problem(seen.number, text))
        problems += [
            Problem(number, "the backend got a request that nobody sent") for number in reached if number not in numbers
        ]
        problems += check_counts(events, self.resized, self.lag_s)
        problems += check_places(self.places, FREED_S * self.patience)
        return sorted(problems, key=lambda problem: "ADMITTED" not in problem.text)  # what must not be comes first

    def outcomes(self, ask, start, end):
        """Every one that may have been right, where each location decided at some instant of it."""
        stores, variants = self.stores.between(start, end), self.configurations.between(start, end)
        sets = self.sets.between(start, end) if any(name in self.tokens for name in names(ask)) else [0]
        self.in_between += len(stores) > 1 or len(sets) > 1
        situations = []
        for store, variant in product(stores, variants):
            moments = self.moments(store, variant, ask, start, end)
            self.expired_or_not += len(moments) > 1
            situations += product([store], [variant], sets, moments)
        return self.known(tuple(situations), ask)

    def moments(self, store, variant, ask, start, end):
        """The seconds (Unix time) that a worker may have gone by, one for each span in which nothing changes by itself."""
        name = store, variant, names(ask)
        if name not in self._edges:
            world, variant = self.stores.states[store], self.configurations.states[variant]
            found = {moment for one in names(ask) for moment in edges(world, variant, one, self.tokens.get(one))}
            self._edges[name] = sorted(found)
        changes = self._edges[name]
        if not changes:
            return [0]
        first = bisect_right(changes, floor(start + self.wall_s - self.lag_s))
        last = bisect_right(changes, floor(end + self.wall_s))
        return [changes[i - 1] if i else changes[0] - 1 for i in range(first, last + 1)]

    def known(self, situations, ask):
        name = situations, ask
        found = self._known.get(name)
        if found is None:
            worlds = []
            for store, variant, keys, now_s in situations:
                scene = Scene(self.configurations.states[variant], self.sets.states[keys], self.tokens)
                worlds.append((self.stores.states[store], scene, now_s))
            found = self._known[name] = self.model(worlds, ask)
        return found

    def look(self, seen, came, events):
        """What is wrong, or None; notes what was charged."""
        # What was decided last was so before it reached the last backend, unless that only led on to another location.
        ended = bool(came) and not is_on_the_way(came[-1].path)
        end = min(seen.end, came[-1].at) if ended else seen.end
        outcomes = self.outcomes(seen.ask, seen.start, end)
        matching = [outcome for outcome in outcomes if self.matches(outcome, seen, came)]
        self.note(seen, came, matching or outcomes, bool(matching), events)
        return None if matching else self.complaint(seen, came, outcomes)

    def matches(self, outcome, seen, came):
        arrivals = outcome.arrivals
        if not all(is_same(seen.ask, arrival, one) for arrival, one in zip(arrivals, came)):
            return False
        if seen.status == 0:
            return len(came) <= len(arrivals) and (len(came) > 0 or self.cut(seen))
        if len(came) != len(arrivals) or (outcome.status, outcome.reason, outcome.named) != (
            seen.status,
            seen.reason,
            seen.named,
        ):
            return False
        return not outcome.fetched or self.answers(seen)

    def answers(self, seen):
        """Whether the key server may have said meanwhile that there is no such key."""
        return any(self.servers.states[number] for number in self.servers.between(seen.start, seen.end))

    def complaint(self, seen, came, outcomes):
        """Why no outcome is what was seen."""
        told = told_of(outcomes)
        if any(came[n].path not in {outcome.arrivals[n].path for outcome in outcomes if n < len(outcome.arrivals)}
               for n in range(len(came))):  # fmt: skip
            return f"ADMITTED WITHOUT A REASON: {told}"
        if seen.status == 0 and not came:
            return "no answer came, and nothing cut the connection"
        if came and not any(
            all(is_same(seen.ask, *pair) for pair in zip(outcome.arrivals, came)) for outcome in outcomes
        ):
            return f"the backend was told otherwise than it should have been: {told}"
        return f"the answer was {seen.status} {seen.reason} of {seen.named!r}, but {told}"

    def cut(self, seen):
        return any(start <= seen.end and seen.start <= end + self.lag_s for start, end in self.broken)

    def note_places(self, seen, came, outcomes, certain):
        """For each of so many at once, what is known of the request."""
        counters = {
            counter for one in outcomes for counter in (*one.held, *one.grazed, *(each[0] for each in one.crowded))
        }
        for counter in counters:
            numbers = [one.held.get(counter) for one in outcomes]
            is_sure = certain and seen.status == 200 and bool(came) and all(numbers)
            may_hold = any(numbers) or any(counter in one.grazed for one in outcomes)
            crowded = [most for one in outcomes for name, most in one.crowded if name == counter]
            refused = seen.status == 429 and seen.reason == "too_many_concurrent" and certain
            self.places[counter].append(Place(seen.number, seen.start, seen.end, came[-1].at if is_sure else None,
                                              came[-1].gone if is_sure else None, max(map(min, numbers)) if is_sure else 0,
                                              may_hold, min(crowded) if refused and crowded else 0))  # fmt: skip

    def note(self, seen, came, outcomes, certain, events):
        """For each window that it may have been charged in, what is known of that. certain: one of these outcomes is what happened."""
        self.note_places(seen, came, outcomes, certain)
        if seen.status == 0:
            certain = certain and bool(came) and not is_on_the_way(came[-1].path)
        counters = dict.fromkeys(
            counter for outcome in outcomes for counter in (*outcome.paid, *(one[0] for one in outcome.refused))
        )
        for counter in counters:
            paid = [outcome.paid[counter] if counter in outcome.paid else NOTHING for outcome in outcomes]
            least = min(one.amount for one in paid) if certain else 0
            passing = [amount for outcome in outcomes for name, amount in outcome.passing if name == counter]
            refused = [demand for outcome in outcomes for name, *demand in outcome.refused if name == counter]
            events[counter].append(Event(seen.number, seen.start, seen.end, least, max(one.amount for one in paid), max(passing, default=0),
                                         tuple(one.demands for one in paid) if certain else (),
                                         refused if seen.reason == "rate_limited" and seen.status == 429 else ()))  # fmt: skip


NOTHING = Paid()


def is_on_the_way(path):
    return path.startswith(tuple(ON_THE_WAY.values()))


def is_same(ask, arrival, came):
    """Whether a request is as the model has it; kind None is any."""
    (expected, *others), (told, *rest) = arrival.names, came.names
    kinds = expected[3] in (None, told[3])
    return (arrival.path == came.path and arrival.identity == came.identity and others == rest and kinds
            and expected[:3] == told[:3] and expected[4:] == told[4:] and came.user in arrival.users
            and arrival.left == came.left and are_cookies_good(ask, arrival, came.cookie))  # fmt: skip


def are_cookies_good(ask, arrival, cookie):
    """The credential is gone where it had to go, and nothing else."""
    if COOKIE in arrival.left:
        return cookie.startswith("a=b; session=") and cookie.endswith("; c=d")
    return cookie == (OTHER_COOKIES if COOKIE in credentials(ask) else "")


def told_of(outcomes):
    texts = dict.fromkeys(told_of_one(outcome) for outcome in outcomes)
    return "the model says " + ", or ".join(texts)


def told_of_one(outcome):
    answer = outcome.reason or str(outcome.status)
    return f"{answer} of {outcome.named!r}" + "".join(
        f", having come to {tuple(arrival)}" for arrival in outcome.arrivals
    )
