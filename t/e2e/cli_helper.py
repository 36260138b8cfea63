"""What the tests of the command share."""

import base64
import hashlib
import json
import os
import pty
import select
import subprocess
import time
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # Debian 12's Python still has it
    import crypt


def sha256(key):
    return hashlib.sha256(key.encode()).hexdigest()


def bcrypt(key, cost=4, kind="2b"):
    """A hash as another system would have kept it."""
    salt = base64.b64encode(os.urandom(17), b"./").decode()[:21] + "."
    return crypt.crypt(key, f"${kind}${cost:02d}${salt}")


def strong(n=0, prefix="sk_live_"):
    """A key of another system: the same for the same n."""
    return prefix + base64.urlsafe_b64encode(hashlib.sha256(f"key {n}".encode()).digest()).decode().rstrip("=")


def lines(*objects):
    return "".join((o if isinstance(o, str) else json.dumps(o)) + "\n" for o in objects)


def refuses(kw, *arguments, status=1, says="", input=None):
    """The command must refuse: this status, nothing on standard output, one line on standard error that holds `says`."""
    run = kw.run(*arguments, input=input)
    assert run.rc == status, run
    assert run.stdout == "", run
    assert run.stderr.count("\n") == 1 and run.stderr.startswith("keyward: "), run
    assert says in run.stderr, run
    return run.stderr


def on_terminal(build, store, *arguments, typed=None, env=None, columns=120):
    """Runs the command on a terminal of its own: (exit status, what the terminal showed)."""
    environment = build.environment(KEYWARD_STORE=store, TERM="xterm", **(env or {}))
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(build.command, [str(build.command), *arguments], environment)
    shown = b""
    deadline = time.monotonic() + 90 * build.patience
    while time.monotonic() < deadline:
        if typed is not None and b": " in shown:
            os.write(fd, typed.encode() + b"\n")
            typed = None
        if select.select([fd], [], [], 0.1)[0]:
            try:
                part = os.read(fd, 65536)
            except OSError:
                break
            if not part:
                break
            shown += part
    os.close(fd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode()


def raw(build, store, *arguments, **options):
    """A process of the command, for tests that close or replace its descriptors."""
    options.setdefault("stderr", subprocess.PIPE)
    options.setdefault("timeout", 30 * build.patience)
    return subprocess.run([build.command, *arguments], env=build.environment(KEYWARD_STORE=store), **options)
