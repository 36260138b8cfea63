"""What the model knows of a store: keys, subjects, plans and denied tokens, and what each operation makes of them.

Nothing of the product is used here. A World is never changed: an operation makes another, so that a request can be held
against every one that was there between its start and its answer.
"""

from dataclasses import dataclass, field, replace

DIGESTS = ("sha256", "sha512", "hmac_sha256")  # verifiers that cost no run
ACTIVE, SUSPENDED, REVOKED, BLOCKED = "active", "suspended", "revoked", "blocked"


@dataclass(frozen=True)
class Key:
    name: str  # in the journal
    id: str
    secret: str
    verifier: str
    counter: str  # the name of the first of its rotations: whose windows it counts in
    state: str = ACTIVE
    subject: str = ""
    plan: str = ""
    scopes: tuple = None  # None: not narrowed
    limits: tuple = None  # counts in an hour; None: its plan's
    expires_s: float = None  # Unix time
    overlap_s: float = None  # Unix time at which a key that was rotated ends
    predecessor: str = ""
    allow_from: tuple = None  # networks; None: everywhere
    concurrency: int = None  # requests at once; None: its plan's
    was: "Key" = None  # before it was changed last

    def succeeded_by(self, name, id, secret, verifier):
        return replace(
            self, name=name, id=id, secret=secret, verifier=verifier, overlap_s=None, predecessor=self.name, was=None
        )

    def changed(self, **changes):
        return replace(self, was=replace(self, was=None), **changes)

    @property
    def end_s(self):
        return min((end for end in (self.expires_s, self.overlap_s) if end is not None), default=None)


@dataclass(frozen=True)
class Subject:
    state: str = ACTIVE
    plan: str = ""
    scopes: tuple = None


@dataclass(frozen=True)
class Plan:
    scopes: tuple = None
    limits: tuple = ()  # counts in an hour
    no_access: bool = False
    concurrency: int = None  # requests at once; None: no matter how many


@dataclass(frozen=True)
class Denial:
    """Refuses a jti; or a subject's tokens that were issued before a time."""

    before_s: float = 0  # Unix time
    until_s: float = None  # from then on it says nothing; None: for good

    def joined(self, other):
        """Of two about the same the stricter."""
        ends = (self.until_s, other.until_s)
        return Denial(max(self.before_s, other.before_s), None if None in ends else max(ends))


@dataclass(frozen=True)
class World:
    keys: dict = field(default_factory=dict)
    subjects: dict = field(default_factory=dict)
    plans: dict = field(default_factory=dict)
    default: str = ""  # the name of the store's default plan
    denials: dict = field(default_factory=dict)  # by ("jti" or "subject", its name, the issuer's name or "")

    def with_key(self, *keys):
        return replace(self, keys={**self.keys, **{key.name: key for key in keys}})

    def ancestors(self, name):
        """The keys that this one has replaced by rotation, and those that they had."""
        while (key := self.keys.get(name)) and key.predecessor in self.keys:
            name = key.predecessor
            yield self.keys[name]

    def revoked(self, *names):
        ended = [key for name in names for key in (self.keys[name], *self.ancestors(name))]
        return self.with_key(*(replace(key, state=REVOKED) for key in ended))

    def in_state(self, name, state):
        return self.with_key(replace(self.keys[name], state=state))

    def rotated(self, name, successor, overlap_s):
        """overlap_s: when the old key ends; None: at once."""
        if overlap_s is None:
            return self.revoked(name).with_key(successor)
        return self.with_key(replace(self.keys[name], overlap_s=overlap_s), successor)

    def with_subject(self, name, **changes):
        return replace(self, subjects={**self.subjects, name: replace(self.subjects.get(name, Subject()), **changes)})

    def with_plan(self, name, plan, default):
        was = "" if self.default == name else self.default
        return replace(self, plans={**self.plans, name: plan}, default=name if default else was)

    def denied(self, denials):
        both = {name: denial.joined(self.denials.get(name, denial)) for name, denial in denials.items()}
        return replace(self, denials={**self.denials, **both})

    def uses_plan(self, name):
        keys = any(key.plan == name and key.state != REVOKED for key in self.keys.values())
        return keys or any(subject.plan == name for subject in self.subjects.values())

    def without_plan(self, name):
        plans = {other: plan for other, plan in self.plans.items() if other != name}
        return replace(self, plans=plans, default="" if self.default == name else self.default)

    def settled(self):
        """Without what nobody can ask any more: what a key that is revoked could do."""
        ended = {"plan": "", "scopes": None, "limits": None, "expires_s": None, "overlap_s": None, "allow_from": None,
                 "concurrency": None}  # fmt: skip
        keys = {
            name: replace(key, was=None, **ended) if key and key.state == REVOKED else key
            for name, key in self.keys.items()
        }
        return replace(self, keys=keys)

    def restored(self, backup):
        """The backup's content, and every end that a key or a subject has met since."""
        keys = {}
        for name in {**backup.keys, **self.keys}:
            now, then = self.keys.get(name), backup.keys.get(name)
            if now is None or (then and then.state == REVOKED):
                keys[name] = then
            elif now.state == REVOKED:
                keys[name] = now
            elif then is None:
                if any(key.name in backup.keys for key in self.ancestors(name)):
                    keys[name] = now
            else:
                ends = [end for end in (now.overlap_s, then.overlap_s) if end is not None]
                state = SUSPENDED if SUSPENDED in (now.state, then.state) else ACTIVE
                keys[name] = replace(then, state=state, overlap_s=min(ends, default=None))
        subjects = dict(backup.subjects)
        for name, now in self.subjects.items():
            if now.state == BLOCKED:
                subjects[name] = replace(backup.subjects.get(name, now), state=BLOCKED)
        return World(keys, subjects, backup.plans, backup.default, backup.denied(self.denials).denials)


def expects(world, op, now_s):
    """Whether the command has to do it: True, False, or None where that hangs on the second. now_s: the Unix times (from, to)."""
    key = world.keys.get(op.get("key"))
    match op["do"]:
        case "revoke":
            return key is not None
        case "suspend" | "resume":
            return key is not None and key.state != REVOKED
        case "set":
            return key is not None and key.state != REVOKED and key.overlap_s is None
        case "rotate":
            if key is None or key.state != ACTIVE or key.overlap_s is not None:
                return False
            if key.expires_s is not None and now_s[1] + 1 >= key.expires_s:
                return None if now_s[0] - 1 < key.expires_s else False
            return True
        case "unplan":
            return op["plan"] in world.plans and not world.uses_plan(op["plan"])
    return True
