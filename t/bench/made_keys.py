"""Keys by the thousand: their text, imports of them, and wrk scripts that send them in turn."""

import hashlib
import json
import os
import zlib

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

SCRIPT = """
local requests, delay_ms, at = {}, @DELAY@, 0

function init()
  for field in io.lines("@FILE@") do
    if field ~= "" then wrk.headers["Authorization"] = field end
    requests[#requests + 1] = wrk.format()
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end
"""
DELAY = """
function delay()
  return delay_ms
end
"""


def base62(number, width):
    digits = []
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))


def with_checksum(text):
    """As keyward_key_format's `checksum` has it: CRC-32 in base62, 6 characters."""
    return text + base62(zlib.crc32(text.encode()), 6)


def make_keys(count, seed):
    """Keys of the default format, the same ones for the same seed. For stores that live as long as a measurement."""
    return [
        with_checksum("kw_" + base62(int.from_bytes(hashlib.sha512(f"{seed} {n}".encode()).digest(), "big"), 43))
        for n in range(count)
    ]


def import_keys(site, keys, verifier, **members):
    """Plain keys, hashed by the command on all processors."""
    path = site.folder / "plain.jsonl"
    with open(path, "w") as file:
        file.writelines(json.dumps({"key": key, **members}) + "\n" for key in keys)
    _import(site, path, "--verifier", verifier)


def import_strangers(site, count, **members):
    """Keys that nobody will ever present: only a hash."""
    more = "".join(f',"{name}":{json.dumps(value)}' for name, value in members.items())
    path = site.folder / "strangers.jsonl"
    with open(path, "w") as file:
        for begin in range(0, count, 10000):
            size = min(10000, count - begin)
            chance = os.urandom(32 * size).hex()
            file.writelines(
                f'{{"id":"key_{begin + n:010d}","sha256":"{chance[64 * n : 64 * n + 64]}"{more}}}\n'
                for n in range(size)
            )
    _import(site, path)


def _import(site, path, *options):
    run = site.store.kw.run("key", "import", path, *options, timeout=1500)
    path.unlink()
    assert run.rc == 0, f"keyward key import ended with {run.rc}: {run.stderr}"


def wrk_script(path, keys, delay_ms=None):
    """A Lua script for wrk that sends these keys in turn (None: a request without one), on each connection delay_ms after the answer
    before. Answers with its path."""
    fields = path.with_suffix(".txt")
    fields.write_text("".join(f"Bearer {key}\n" if key else "\n" for key in keys))
    script = SCRIPT.replace("@FILE@", str(fields)).replace("@DELAY@", str(delay_ms or 0))
    path.write_text(script + (DELAY if delay_ms else ""))
    return path
