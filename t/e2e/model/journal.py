"""Random journals: operations, each a dict that JSON can hold, made from a seed.

An operation names keys, subjects and plans by its own words (k7, s2), so that it means something also where the one that should have
made them was taken out, as shrinking does: then the key is unknown.
"""

import random

from .rules import FRIEND, LOCATIONS, Ask

SCOPES = ("posts:read", "posts:write", "posts:*", "media:read", "mcp:read", "mcp:analytics", "mcp:full", "mcp:*", "*", "other:read")
SUBJECTS = ("s0", "s1", "s2", "s3", "s4", "s5")
PLANS = ("free", "gold", "team", "closed", "nowhere")
NAMED = (*PLANS[:3] * 3, *PLANS)
KINDS = {"key": 80, "none": 4, "unknown": 4, "malformed": 3, "foreign": 2, "token": 2, "double": 0.3, "same": 5}
METHODS = {"GET": 60, "POST": 25, "PUT": 5, "DELETE": 5, "HEAD": 5}
ADDRESSES = ("192.0.2.7", "192.0.2.8", "2001:db8::7", FRIEND)
FEW = 12  # keys made at the start


def pick(rng, weights):
    return rng.choices(list(weights), list(weights.values()))[0]


def asks_of(op):
    """The requests of an ask: those that it lists, else so many from its seed."""
    if "asks" in op:
        return [Ask(*ask) for ask in op["asks"]]
    rng = random.Random(op["seed"])
    locations = rng.sample([place for place in LOCATIONS if place != "/inner"], rng.choice((1, 4, 12)))
    kinds, methods = list(KINDS), list(METHODS)
    some_kinds = rng.choices(kinds, list(KINDS.values()), k=op["count"])
    some_methods = rng.choices(methods, list(METHODS.values()), k=op["count"])
    return [
        Ask(rng.choice(locations), method, kind, rng.choice(op["keys"]), rng.choice(ADDRESSES), rng.random() < 0.05)
        for kind, method in zip(some_kinds, some_methods)
    ]


class Maker:
    """Makes one journal: knows which keys and backups it has named so far, and which keys it hasn't ended."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.keys, self.backups = 0, 0
        self.good, self.saved = [], {}

    def journal(self, decisions):
        ops = [self.plan(name) for name in ("free", "gold", "team")]
        ops += [self.create() for _ in range(FEW)]
        left = decisions
        while left > 0:
            if self.rng.random() < 0.04:
                ops += [self.create(expires=2), self.create(expires=1), self.rotate(overlap=2), {"do": "outlive", "count": 20}]
            op = self.during() if self.rng.random() < 0.45 else self.ask(self.rng.choice((20, 200, 500)))
            left -= op["count"] if op["do"] == "ask" else 4 * op["ask"]["count"]
            ops.append(op)
            if self.rng.random() < 0.5:
                ops.append(self.change())
        return ops

    def ask(self, count):
        rng = self.rng
        return {"do": "ask", "seed": rng.getrandbits(32), "count": count, "keys": [self.key() for _ in range(rng.choice((2, 5, 15)))],
                "connections": rng.choice((1, 4, 12)), "fresh": rng.choice((0, 0.1, 1))}  # fmt: skip

    def during(self):
        return {"do": "during", "ops": [self.change() for _ in range(self.rng.choice((1, 1, 2, 4)))], "ask": self.ask(60)}

    def change(self):
        return getattr(self, pick(self.rng, CHANGES))()

    def key(self):
        if self.good and self.rng.random() < 0.8:
            return self.rng.choice(self.good)
        return f"k{self.rng.randrange(max(self.keys, 1))}"

    def ended(self, key):
        self.good = [name for name in self.good if name != key]
        return key

    def new(self):
        self.keys += 1
        self.good = [*self.good, f"k{self.keys - 1}"]
        return self.good[-1]

    def scopes(self):
        rng = self.rng
        return None if rng.random() < 0.4 else rng.sample(SCOPES, rng.choice((0, 1, 1, 2, 3)))

    def limits(self):
        return self.rng.sample((5, 10, 20, 40), self.rng.choice((0, 1, 1, 2)))  # of two that are the same the command keeps one

    def create(self, expires=None):
        rng = self.rng
        return {"do": "create", "key": self.new(), "verifier": rng.choice(("sha256", "sha256", "bcrypt:4")),
                "subject": rng.choice(("", *SUBJECTS)), "plan": rng.choice(("", "", "", "", *NAMED)), "scopes": self.scopes(),
                "limits": None if rng.random() < 0.7 else self.limits() or None,
                "expires": expires or rng.choice((0, 0, 0, 0, 0, 0, 0, 1, 3, 3600))}  # fmt: skip

    def imported(self):
        keys = []
        for _ in range(self.rng.choice((1, 3))):
            key = {**self.create(), "state": self.rng.choice(("active", "active", "suspended", "revoked"))}
            keys.append({**key, "expires": self.rng.choice((0, key["expires"], -5))})
        return {"do": "import", "keys": keys}

    def race(self):
        """An end of a key or of all keys of a subject, and at the same time what might undo it. Their order must not matter."""
        other = self.rng.choice((self.restore, self.restore, self.compact, self.imported, self.rotate, self.resume))()
        # A subject that the backup doesn't have keeps its plan where it was blocked before, and has none where after.
        ends = (self.revoke, self.suspend, self.revoke if other["do"] == "restore" else self.block)
        end = self.rng.choice(ends)()
        if other["do"] in ("rotate", "resume") and "key" in end:
            end, other = {"do": "revoke", "key": end["key"]}, {**other, "key": end["key"]}
        return {"do": "race", "ops": [end, other]}

    def block(self):
        return {"do": "subject", "subject": self.rng.choice(SUBJECTS), "state": "blocked"}

    def revoke(self):
        return {"do": "revoke", "key": self.ended(self.key())}

    def revoke_many(self):
        return {"do": "revoke_many", "keys": sorted({self.ended(self.key()) for _ in range(3)})}

    def suspend(self):
        return {"do": "suspend", "key": self.key()}

    def resume(self):
        return {"do": "resume", "key": self.key()}

    def rotate(self, overlap=None):
        return {"do": "rotate", "key": self.ended(self.key()), "successor": self.new(), "overlap": overlap or self.rng.choice((0, 1, 2, 3600)),
                "verifier": self.rng.choice(("sha256", "bcrypt:4"))}  # fmt: skip

    def subject(self):
        op = {"do": "subject", "subject": self.rng.choice(SUBJECTS)}
        if self.rng.random() < 0.6:
            op["state"] = self.rng.choice(("active", "active", "active", "blocked"))
        if self.rng.random() < 0.4:
            op["plan"] = self.rng.choice(("", *NAMED))
        if self.rng.random() < 0.4:
            op["scopes"] = self.scopes()
        return op

    def plan(self, name=None):
        rng = self.rng
        return {"do": "plan", "plan": name or rng.choice(PLANS[:4]), "scopes": self.scopes(), "limits": self.limits(),
                "no_access": rng.random() < 0.1, "default": rng.random() < 0.2}  # fmt: skip

    def unplan(self):
        return {"do": "unplan", "plan": self.rng.choice(PLANS)}

    def backup(self):
        self.backups += 1
        self.saved[f"b{self.backups}"] = self.good
        return {"do": "backup", "backup": f"b{self.backups}"}

    def restore(self):
        name = f"b{self.rng.randint(1, max(self.backups, 1))}"
        self.good = [key for key in self.good if key in self.saved.get(name, self.good)]
        return {"do": "restore", "backup": name}

    def compact(self):
        return {"do": "compact"}

    def reload(self):
        return {"do": "reload", "variant": self.rng.randrange(2), "zone": self.rng.randrange(3)}

    def kill(self):
        return {"do": "kill", "worker": self.rng.randrange(2)}


CHANGES = {"create": 15, "imported": 5, "race": 6, "revoke": 5, "revoke_many": 1, "suspend": 5, "resume": 11, "rotate": 10,
           "subject": 14, "plan": 6, "unplan": 2, "backup": 4, "restore": 3, "compact": 2, "reload": 4, "kill": 3}  # fmt: skip


def journal(seed, decisions):
    return Maker(seed).journal(decisions)
