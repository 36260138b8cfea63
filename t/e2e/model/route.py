"""What may become of a request: one location after the other, until a backend or nginx answers.

Where a moment of a change lies in it, each location may have decided before or after.
"""

from collections import namedtuple

from . import rules, tokens
from .asks import BASIC, BASICS, FOREIGN, FOREIGN_TEXT, basic_user, credentials, names
from .locations import FRIEND, LOCATIONS
from .principals import ANONYMOUS, NOBODY
from .rules import STATUS

# What a backend gets. path: which it is asked for. identity: the identity fields. names: what variables tell of whoever it is:
# (identity, decision, jti, tenant), where a kind of None may be any. users: what $remote_user may be. left: the sources, and
# that are still in the request.
Arrival = namedtuple("Arrival", "path identity names users left")
# What may be seen in the end. reason, named: of the answer. paid: {counter: Paid}. refused: the (counter, limit, cost) of which one
# has refused. passing: counters that were charged for a moment. fetched: only where the key server has said meanwhile that it has no such
# key.
# held: {counter: numbers}, places that it has until it ends, each within all of these numbers. grazed: counters of which it had a
# place for a moment. crowded: the (counter, number) of which one has refused it.
Outcome = namedtuple("Outcome", "status reason named arrivals paid refused passing fetched held grazed crowded")
# Of one window. amount: all that this request took. demands: (limit, amount so far), each of which fitted.
Paid = namedtuple("Paid", "amount demands", defaults=(0, ()))

SOFT = (401, 403)  # refusals that `satisfy any` and the error pages here are for
ON_THE_WAY = {"accel": "/accel", "error": "/missing"}  # what the backend is asked for, before it leads on


# Where a request is. uri: by which the backend would be asked. left: as Arrival has it. taken: the (source, credential) that a location
# found first and took out. paid: as Outcome has it. before: {counter: amount}, what earlier locations have paid. refusal: the Verdict
# that an error page is for. fetched: as Outcome has it.
At = namedtuple("At", "place uri method left taken paid before arrivals refusal fetched held")


def named(principal):
    """(identity, jti, tenant), as variables have it; of nobody who was admitted all the same."""
    claims = principal.claims if principal else {}
    return (
        principal.identity if principal else ANONYMOUS,
        tokens.text_of(claims.get("jti")),
        tokens.text_of(claims.get("tenant")),
    )


def unnamed(verdict):
    """Who wasn't admitted isn't named, but by a key's id."""
    return (getattr(verdict.known, "id", ""), "", "", None, "", frozenset()), "", ""


def users(subject, decision, reason, admitted, sent):
    """What $remote_user may be. admitted: whom auth_basic did; sent: who else Authorization says it is, which counts where keyward
    has no say only."""
    if subject or admitted:
        return (subject or admitted,)
    decided = decision in ("allowed", "refused") or (decision == "shadow" and not reason)
    return ("",) if decided else ("", sent)


def due(at, counter, limit, cost):
    """(what a location takes of a window, the demand that it makes on it): what its cost is above what was paid before."""
    amount = max(0, cost - at.before.get(counter, 0))
    return amount, (limit, at.paid.get(counter, Paid()).amount + amount)


def remembered(at, location, amounts):
    """What later locations take for paid: a location in shadow pays for nobody."""
    return (
        at.before
        if location.mode == "shadow"
        else {**at.before, **{c: at.before.get(c, 0) + a for c, a in amounts.items()}}
    )


def charged(at, location, charges):
    paid, amounts = dict(at.paid), {}
    for counter, limit, cost in charges:
        amount, demand = due(at, counter, limit, cost)
        if demand is None:
            continue
        was = paid.get(counter, Paid())
        demands = was.demands if location.mode == "shadow" else (*was.demands, demand)
        paid[counter], amounts[counter] = Paid(was.amount + amount, demands), amount
    return at._replace(paid=paid, before=remembered(at, location, amounts))


def held(at, places):
    found = dict(at.held)
    for counter, most in places:
        found[counter] = (*found.get(counter, ()), most)
    return at._replace(held=found)


def stripped(at, location, sent):
    """Without the credential, of all sources that it is in."""
    gone = [source for source in location.sources if source in at.left and source in sent]
    if not gone:
        return at
    gone += [source for source in BASICS if any(half in gone for half in BASICS)]  # they are in one field
    return at._replace(left=at.left - {*gone}, taken=at.taken or (gone[0], sent[gone[0]]))


class Route:
    """situations: (world, scene, second), any of which each location may have decided in."""

    def __init__(self, situations, ask):
        self.situations, self.ask = situations, ask
        self.sent, self.user = credentials(ask), basic_user(ask)
        # A user's name that may be a credential is hidden.
        self.shown = self.user or (FOREIGN_TEXT if self.sent.get(BASIC) == FOREIGN else "")
        self.outcomes = []

    def run(self):
        left = frozenset(self.sent)
        self.enter(At(self.ask.location, self.ask.location, self.ask.method, left, None, {}, {}, (), None, False, {}))
        return self.outcomes

    def end(self, at, status, reason, named="", refused=(), passing=(), grazed=(), crowded=()):
        self.outcomes.append(
            Outcome(status, reason, named, at.arrivals, at.paid, refused, passing, at.fetched, at.held, grazed, crowded)
        )

    def enter(self, at):
        location = LOCATIONS[at.place]
        if at.refusal and location.mode == "on":
            self.refuse(at, at.refusal)  # it has a handler of its own, so the refusal stands
        elif at.refusal:
            self.go_on(at, NOBODY, unnamed(at.refusal), "refused", at.refusal.reason)
        elif location.mode == "off":
            self.go_on(at, NOBODY, (NOBODY, "", ""), "off")
        elif location.satisfy == "address" and self.ask.address == FRIEND:
            self.go_on(at, NOBODY, (NOBODY, "", ""), "")
        else:
            for verdict in self.verdicts(at, location):
                self.decided(at, location, verdict)

    def verdicts(self, at, location):
        """All that may be said here, but for limits."""
        found = []
        for world, scene, now_s in self.situations:
            verdict = rules.one_location(world, scene, self.ask, self.sent, at.method, location, now_s)
            found.append(verdict)
            if verdict.waits:
                found.append(verdict._replace(reason="keys_unavailable", waits=False))
            if verdict.bcrypt:
                found.append(verdict._replace(reason="busy", principal=None, charges=()))
        return found

    def decided(self, at, location, verdict):
        if verdict.waits and not self.is_dated():
            at = at._replace(fetched=True)
        if verdict.reason:
            self.refused(at, location, verdict)
            return
        if verdict.places:
            self.crowded_out(at, location, verdict)
        if verdict.charges:
            self.used_up(at, location, verdict)
        after = held(charged(at, location, verdict.charges), verdict.places)
        self.admitted(after, location, verdict)

    def is_dated(self):
        """Whether the token says when it was issued: then it may be known at once that the last fetch should have brought its key."""
        tokens_ = self.situations[0][1].tokens
        return any("iat" in tokens_[name].claims for name in names(self.ask) if name in tokens_)

    def crowded_out(self, at, location, verdict):
        """As many as may be are served already. Nothing is charged, and what it had held before it keeps."""
        refused = verdict._replace(reason="too_many_concurrent", charges=(), places=())
        if location.mode == "on":
            grazed = tuple(counter for counter, _ in verdict.places) if len(verdict.places) > 1 else ()
            self.end(at, 429, refused.reason, told(unnamed(refused)[0]), grazed=grazed, crowded=verdict.places)
        else:
            self.refused(at, location, refused)

    def used_up(self, at, location, verdict):
        """One of the limits refuses; of the others what this location took is given back."""
        due_ = [(counter, *due(at, counter, limit, cost)) for counter, limit, cost in verdict.charges]
        refused = tuple((counter, *demand) for counter, _, demand in due_ if demand)
        passing = tuple((counter, amount) for counter, amount, _ in due_) if len(due_) > 1 else ()
        grazed = tuple(counter for counter, _ in verdict.places)
        verdict = verdict._replace(reason="rate_limited", charges=(), places=())
        if refused and location.mode == "on":
            self.end(at, 429, "rate_limited", told(unnamed(verdict)[0]), refused, passing, grazed)
        elif refused:
            self.refused(at, location, verdict)

    def admitted(self, at, location, verdict):
        names = named(verdict.principal)
        if location.mode == "on":
            self.go_on(stripped(at, location, self.sent), names[0], names, "allowed")
        elif location.satisfy != "basic" or self.has_password():
            self.go_on(at, names[0], names, "shadow")
        else:
            self.end(at, 401, "", told(names[0]))

    def refused(self, at, location, verdict):
        shadow = location.mode == "shadow"
        soft = shadow or STATUS[verdict.reason] in SOFT
        nobody = unnamed(verdict), "shadow" if shadow else "refused", verdict.reason
        if soft and location.satisfy == "basic":
            if self.has_password():
                self.go_on(at, NOBODY, *nobody, user=self.user)
            else:
                self.refuse(at, verdict, 401)
        elif shadow:
            self.go_on(at, NOBODY, *nobody)
        elif soft and location.page:
            self.lead(at, location.page, at._replace(refusal=verdict))
        else:
            self.refuse(at, verdict)

    def refuse(self, at, verdict, status=None):
        self.end(at, status or STATUS[verdict.reason], verdict.reason, told(unnamed(verdict)[0]))

    def has_password(self):
        return self.ask.basic == "good" and self.user != ""

    def go_on(self, at, identity, names, decision, reason="", user=None):
        """To the backend, or to where the location leads. names: (identity, jti, tenant). user: whom auth_basic admitted."""
        location = LOCATIONS[at.place]
        if location.then is None:
            arrived = self.arrival(at, at.uri, identity, names, decision, reason, user)
            self.end(at._replace(arrivals=(*at.arrivals, arrived)), 200, reason, told(names[0]))
            return
        how, to = location.then
        at = at._replace(refusal=None)
        if how == "index" and at.method not in ("GET", "HEAD", "POST"):
            self.end(at, 405, reason, told(names[0]))
            return
        after = at
        if path := ON_THE_WAY.get(how):
            path += to if how == "accel" else ""
            after = at._replace(
                arrivals=(*at.arrivals, self.arrival(at, path, identity, names, decision, reason, user))
            )
        self.lead(at, to, after, keeps_method=how in ("try", "index"))

    def lead(self, at, to, after, keeps_method=False):
        if to[0] == "@":
            self.enter(after._replace(place=to))
        else:
            method = at.method if keeps_method or at.method == "HEAD" else "GET"
            self.enter(after._replace(place=to, uri=to, method=method))

    def arrival(self, at, path, identity, names, decision, reason, user):
        who, *claims = names
        names = who, decision, *claims
        return Arrival(
            path,
            identity,
            names,
            users(who[1], decision, reason, user, self.shown if BASIC in at.left else ""),
            at.left,
        )


def told(identity):
    """What the answer says of somebody."""
    return identity[1] + identity[2] + identity[4]


def decide(situations, ask):
    """Every outcome that the rules allow. Where limits are charged, rate_limited is for the counts to judge (counts.py)."""
    return Route(situations, ask).run()
