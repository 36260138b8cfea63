"""Each operation on the store: the command's arguments, and what the store is when it is done."""

import calendar
import json
import random
import time
import zlib
from collections import namedtuple

from cli_helper import bcrypt
from harness.hashes import MAKERS, digest_of

from .world import DIGESTS, Denial, Key, Plan

# then(world, run): the world afterwards; only where the command did it.
Command = namedtuple("Command", "arguments then input", defaults=(None,))

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def unknown_key():
    """A key of the default format that no store has."""
    text = "kw_" + "".join(random.choices(DIGITS, k=43))
    number, checksum = zlib.crc32(text.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        checksum = DIGITS[digit] + checksum
    return text + checksum


def unix(text):
    return None if text is None else calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))


def tuple_of(value):
    return None if value is None else tuple(value)


def rates(limits):
    return [f"{limit}r/h" for limit in limits or ()]


def networks(op):
    return ["--allow-from", ",".join(op["allow_from"])] if op.get("allow_from") else []


def options(**values):
    """--option value for each that is there; a list of scopes may be empty, a list of limits is repeated."""
    found = []
    for name, value in values.items():
        if name == "scope":
            found += ["--scope", ",".join(value)] if value is not None else []
        elif name == "limit":
            found += [part for rate in rates(value) for part in ("--limit", rate)]
        elif value not in (None, ""):
            found += [f"--{name}", str(value)]
    return found


def key_of(op, id, secret, expires_s, state="active"):
    return Key(op["key"], id, secret, op["verifier"], op["key"], state, op["subject"], op["plan"], tuple_of(op["scopes"]),
               tuple_of(op["limits"]), expires_s, allow_from=tuple_of(op.get("allow_from")),
               concurrency=op.get("concurrency"))  # fmt: skip


def create(site, op):
    def then(world, run):
        made = run.json()
        site.secrets[op["key"]] = made["key"]
        return world.with_key(key_of(op, made["id"], made["key"], unix(made["expires_at"])))

    more = options(verifier=op["verifier"], subject=op["subject"], plan=op["plan"], scope=op["scopes"], limit=op["limits"],
                   expires=op["expires"] and f"{op['expires']}s" or "", concurrency=op.get("concurrency"))  # fmt: skip
    return Command(["key", "create", "--name", op["key"], *more, *networks(op)], then)


def verifier_of(one, secret, pepper):
    """How another system has kept a key, and by what it is found; as an import's line has it."""
    kind, found = one["verifier"], one.get("found", "sha256")
    if kind in DIGESTS:
        return {kind: digest_of(kind, secret, pepper)}
    name, hash = ("bcrypt", bcrypt(secret)) if kind.startswith("bcrypt") else ("hash", MAKERS[kind](secret, False))
    if found != "prefix" and name == "bcrypt":
        found = "sha256"
    return {name: hash, found: secret[:12] if found == "prefix" else digest_of(found, secret, pepper)}


def import_(site, op):
    lines, keys = [], []
    now_s = int(time.time())
    for one in op["keys"]:
        secret = unknown_key()
        line = {"id": f"ak_{one['key']}", "state": one["state"], "scopes": one["scopes"]}
        line |= verifier_of(one, secret, site.pepper.read_bytes())
        line["limits"] = None if one["limits"] is None else rates(one["limits"])
        line["expires_at"] = now_s + one["expires"] if one["expires"] else None
        line["allow_from"], line["concurrency"] = one.get("allow_from"), one.get("concurrency")
        line.update({name: one[name] for name in ("subject", "plan") if one[name]})
        lines.append(json.dumps(line))
        keys.append(key_of(one, line["id"], secret, line["expires_at"], one["state"]))
        site.secrets[one["key"]] = secret
    return Command(
        ["key", "import", "-", "--pepper-file", site.pepper], lambda world, run: world.with_key(*keys), "\n".join(lines)
    )


def id_of(site, op):
    key = site.stores.last.keys.get(op["key"])
    return key.id if key else "key_nobody"


def revoke(site, op):
    return Command(["key", "revoke", id_of(site, op)], lambda world, run: world.revoked(op["key"]))


def revoke_many(site, op):
    keys = site.stores.last.keys
    names = [name for name in op["keys"] if name in keys]
    ids = "\n".join(keys[name].id for name in names)
    return Command(["key", "revoke", "--stdin"], lambda world, run: world.revoked(*names), ids) if names else None


def suspend(site, op):
    return Command(["key", "suspend", id_of(site, op)], lambda world, run: world.in_state(op["key"], "suspended"))


def resume(site, op):
    return Command(["key", "resume", id_of(site, op)], lambda world, run: world.in_state(op["key"], "active"))


def set_(site, op):
    """What is named changes. Where a predecessor lives in its overlap it might be narrowed, which the model leaves to unit tests."""
    worlds, now_s = site.stores.last, time.time()
    if any(
        old.state != "revoked" and (old.end_s is None or old.end_s > now_s - 5) for old in worlds.ancestors(op["key"])
    ):
        return None

    def then(world, run):
        changes = {name: tuple_of(op[name]) for name in ("scopes", "limits", "allow_from") if name in op}
        changes |= {"concurrency": op["concurrency"]} if "concurrency" in op else {}
        changes |= {"plan": op["plan"]} if "plan" in op else {}
        changes |= {"expires_s": unix(run.json()["expires_at"])} if "expires" in op else {}
        return world.with_key(world.keys[op["key"]].changed(**changes))

    arguments = networks(op) or (["--no-allow-from"] if "allow_from" in op else [])
    if "plan" in op:
        arguments += options(plan=op["plan"]) or ["--no-plan"]
    if "scopes" in op:
        arguments += options(scope=op["scopes"]) or ["--no-scopes"]
    if "limits" in op:
        arguments += options(limit=op["limits"]) or ["--no-limits"]
    if "concurrency" in op:
        arguments += options(concurrency=op["concurrency"]) or ["--no-concurrency"]
    if "expires" in op:
        arguments += ["--expires", f"{op['expires']}s" if op["expires"] else "never"]
    return Command(["key", "set", id_of(site, op), *arguments], then)


def rotate(site, op):
    def then(world, run):
        made, old = run.json(), world.keys[op["key"]]
        site.secrets[op["successor"]] = made["key"]
        new = old.succeeded_by(op["successor"], made["id"], made["key"], op["verifier"])
        return world.rotated(op["key"], new, unix(made["overlap_until"]))

    overlap = f"{op['overlap']}s" if op["overlap"] else "0"
    return Command(["key", "rotate", id_of(site, op), "--overlap", overlap, "--verifier", op["verifier"]], then)


def subject(site, op):
    arguments = ["--state", op["state"]] if "state" in op else []
    arguments += ["--plan", op["plan"]] if "plan" in op else []
    if "scopes" in op:
        arguments += options(scope=op["scopes"]) or ["--no-scopes"]
    changes = {name: op[name] for name in ("state", "plan") if name in op}
    changes |= {"scopes": tuple_of(op["scopes"])} if "scopes" in op else {}
    return Command(
        ["subject", "set", op["subject"], *arguments], lambda world, run: world.with_subject(op["subject"], **changes)
    )


def plan(site, op):
    plan = Plan(tuple_of(op["scopes"]), tuple(op["limits"]), op["no_access"], op.get("concurrency"))
    arguments = (options(scope=op["scopes"]) or ["--no-scopes"]) + (options(limit=op["limits"]) or ["--no-limits"])
    arguments += options(concurrency=op.get("concurrency")) or ["--no-concurrency"]
    arguments += ["--no-access" if op["no_access"] else "--access", "--default" if op["default"] else "--no-default"]
    return Command(
        ["plan", "set", op["plan"], *arguments], lambda world, run: world.with_plan(op["plan"], plan, op["default"])
    )


def unplan(site, op):
    return Command(["plan", "remove", op["plan"]], lambda world, run: world.without_plan(op["plan"]))


def deny(site, op):
    """op has a jti or a subject."""
    kind = "jti" if "jti" in op else "subject"

    def then(world, run):
        made = run.json()
        denial = Denial(unix(made["not_before"]) or 0, unix(made["until"]))
        return world.denied({(kind, op[kind], op["issuer"]): denial})

    more = options(issuer=op["issuer"], until=op["until"] and f"{op['until']}s" or "")
    return Command(["token", "revoke", f"--{kind}", op[kind], *more], then)


def backup(site, op):
    def then(world, run):
        site.backups[op["backup"]] = world
        return world

    return None if op["backup"] in site.backups else Command(["store", "backup", site.folder / op["backup"]], then)


def restore(site, op):
    backup = site.backups.get(op["backup"])
    return backup and Command(
        ["store", "restore", site.folder / op["backup"]], lambda world, run: world.restored(backup)
    )


def compact(site, op):
    return Command(["store", "compact"], lambda world, run: world)


COMMANDS = {"create": create, "import": import_, "revoke": revoke, "revoke_many": revoke_many, "suspend": suspend, "resume": resume, "set": set_,
            "rotate": rotate, "subject": subject, "plan": plan, "unplan": unplan, "deny": deny, "backup": backup,
            "restore": restore, "compact": compact}  # fmt: skip
