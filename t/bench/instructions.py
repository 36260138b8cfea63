"""User instructions for each request, counted by callgrind: they repeat to a few parts in a thousand, on any machine, however busy.

nginx runs as one process under valgrind; what its start and end cost is taken away by running it twice, with a different number of
requests.
"""

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

from harness.client import Connection
from harness.edge import Config
from harness.tokens import Issuers, Signer
from lab import QUIET, Site, find_build, until_open
from report import Row, Section
from speed import LOCATIONS, TOKEN_LOCATION, TOKEN_RULES, UPSTREAM, ZONES

# The first one is nginx without the module; the others are compared with the second, but for the token: its request is longer, also for nginx.
BASES = {"token": "token_off"}
CASES = [
    ("absent", "nginx without the module"),
    ("off", "keyward off"),
    ("guarded", "keyward: bcrypt key, scope, plan limit, identity, limit fields"),
    ("no_fields", "keyward: the same without limit fields"),
    ("key", "keyward: key and identity only"),
    ("token_off", "keyward off, with a token in place of the key"),
    ("token", "keyward: remembered EdDSA token, scope, plan limit, identity, limit fields"),
    ("limit_req", "nginx limit_req alone"),
]


def end(process):
    """nginx looks for a signal before it waits for events, and one that comes in between is seen at the next event only."""
    for _ in range(60):
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(1)
        except subprocess.TimeoutExpired:
            pass
    process.kill()
    process.wait()
    raise AssertionError("nginx under valgrind doesn't end")


def count(build, site, credential, path, requests, folder, issuer=""):
    """Instructions of a whole life of nginx that serves so many requests."""
    values = {"STORE": site.store.path, "UPSTREAM": UPSTREAM, "USER": "user root;" if os.getuid() == 0 else ""}
    config = Config(build, folder, values)
    try:
        if path == "absent":
            written = config.write(
                http=QUIET,
                server="location = /absent { empty_gif; }",
                main="master_process off;",
                store=False,
                log_level="error",
            )
            written.write_text(re.sub(r"^load_module .*\n", "", written.read_text()))
        else:
            http = f"{QUIET} {ZONES}\nupstream upstream {{ server 127.0.0.1:9; }}\n{issuer}"
            server = LOCATIONS + (TOKEN_LOCATION if issuer else "")
            config.write(http=http, server=server, main="master_process off;", log_level="error")
        out = folder / "callgrind.out"
        # The event loop's thread alone: others (use counts, windows that are stored) work by the second and not by the request, and valgrind
        # makes few requests of a second.
        command = ["valgrind", "--tool=callgrind", "--separate-threads=yes", f"--callgrind-out-file={out}"]
        command += [build.nginx, "-p", f"{folder}/", "-c", folder / "nginx.conf"]
        with open(folder / "valgrind.log", "wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            port = int(config.value("PORT"))
            until_open(port)
            with Connection(port, 120) as connection:
                for _ in range(requests):
                    response = connection.request("GET", f"/{path}", {"Authorization": f"Bearer {credential}"})
                    assert response.status == 200, response
        finally:
            end(process)
        return int(re.search(r"^(?:totals|summary): (\d+)", Path(f"{out}-01").read_text(), re.M)[1])
    finally:
        config.close()


def measure(options, tell=print):
    few, many = (100, 600) if options.quick else (500, 3500)
    section = Section(
        "instructions",
        "User instructions for each request",
        ("instructions", "added"),
        note=f"Under callgrind: the whole of nginx with {many} requests less that with {few}, over one connection. It sees no time in the "
        "kernel, no cache misses, and here nothing of the threads that store counts once a second.",
    )
    if not shutil.which("valgrind"):
        section.rows += [Row(case, text, missing="valgrind isn't installed") for case, text in CASES]
        return section
    build = find_build()
    with Site(build) as site:
        site.store.kw("plan", "set", "pro", "--scope", "posts:read", "--limit", "6000r/m")
        # What is remembered costs the same whatever its verifier: a cheap one saves minutes under valgrind.
        key = site.store.key(subject="acme", plan="pro", verifier="bcrypt:4")["key"]
        signer = Signer()
        issuer = Issuers(site.folder).block("auth", signer, TOKEN_RULES)
        token = signer.token(lifetime=86400, scope="posts:read posts:write")
        found = {}
        for case, text in CASES:
            credential, block = (token, issuer) if case.startswith("token") else (key, "")
            path = "off" if case == "token_off" else case
            counts = [count(build, site, credential, path, n, site.folder / f"{case}{n}", block) for n in (few, many)]
            found[case] = round((counts[1] - counts[0]) / (many - few))
            tell(f"{case:14} {found[case]:6} instructions  {text}")
    for case, text in CASES:
        added = found[case] - found[BASES.get(case, "off")]
        section.rows.append(
            Row(case, text, (f"{found[case]}", f"{added:+}"), figures={"instructions": found[case], "added": added})
        )
    return section
