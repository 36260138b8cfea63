"""Records that older versions of the command made and this one doesn't: they still have to be read."""

import ctypes
import hashlib
import struct

import lmdb

TABLES = {"keys": 2, "subjects": 6, "plans": 7}
PENDING = 3  # of a key's states


def shorthash(key, data):
    out = ctypes.create_string_buffer(16)
    ctypes.CDLL("libsodium.so.23").crypto_shorthash_siphashx24(out, data, ctypes.c_ulonglong(len(data)), key)
    return out.raw


def seal(secret, table, name, content):
    """The checksum behind a record's content, as the store has it."""
    key = hashlib.sha256(secret + b"keyward table " + bytes([TABLES[table]])).digest()[:16]
    return shorthash(shorthash(bytes(byte ^ 0x5C for byte in key), name), content)


def rewrite(store, table, name, change):
    """change(content) is what the record becomes."""
    secret = (store.path / "secret").read_bytes()
    name = name.encode()
    with lmdb.open(str(store.path / "credentials"), max_dbs=16, max_readers=1024) as environment, environment.begin(
        write=True
    ) as transaction:
        records = environment.open_db(table.encode(), txn=transaction)
        stored = transaction.get(name, db=records)
        content, tag = stored[:-16], stored[-16:]
        assert tag == seal(secret, table, name, content)
        content = change(content)
        transaction.put(name, content + seal(secret, table, name, content), db=records)


def make_pending(store, key):
    """What `key create --pkce-challenge` made of a key."""
    rewrite(store, "keys", key["id"], lambda content: content[:1] + bytes([PENDING]) + content[2:])
    return key


def give_credits(store, subject, credits):
    """What `subject set --credits` made of a subject: a flag, and the number behind it."""
    rewrite(
        store,
        "subjects",
        subject,
        lambda content: content[:2] + bytes([content[2] | 2]) + struct.pack("<Q", credits) + content[11:],
    )


def give_plan_credits(store, plan, amount, window_s):
    """What `plan set --credits` made of a plan."""
    rewrite(store, "plans", plan, lambda content: content[:6] + struct.pack("<QI", amount, window_s) + content[18:])
