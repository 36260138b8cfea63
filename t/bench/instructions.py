"""User instructions for each request, counted by callgrind: they repeat to a few parts in a thousand, on any machine, however busy.

nginx runs as one process under valgrind; what its start and end cost is taken away by running it twice, with a different number of
requests.
"""

import os
import re
import signal
import subprocess

from lab import QUIET, Site, find_build, until_open
from speed import LOCATIONS, UPSTREAM, ZONES
from harness.client import Connection
from harness.edge import Config

FEW, MANY = 500, 3500
CASES = [
    ("off", "keyward off"),
    ("guarded", "keyward: bcrypt key, scope, plan limit, identity, limit fields"),
    ("key", "keyward: key and identity only"),
    ("limit_req", "nginx limit_req alone"),
]


def count(build, site, key, path, requests, folder):
    """Instructions of a whole life of nginx that serves so many requests."""
    values = {"STORE": site.store.path, "UPSTREAM": UPSTREAM, "USER": "user root;" if os.getuid() == 0 else ""}
    config = Config(build, folder, values)
    try:
        http = f"{QUIET} {ZONES}\nupstream upstream {{ server 127.0.0.1:9; }}"
        config.write(http=http, server=LOCATIONS, main="master_process off;", log_level="error")
        out = folder / "callgrind.out"
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", build.nginx, "-p", f"{folder}/", "-c", folder / "nginx.conf"]
        with open(folder / "valgrind.log", "wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            port = int(config.value("PORT"))
            until_open(port)
            with Connection(port, 120) as connection:
                for _ in range(requests):
                    response = connection.request("GET", f"/{path}", {"Authorization": f"Bearer {key}"})
                    assert response.status == 200, response
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
        return int(re.search(r"^(?:totals|summary): (\d+)", out.read_text(), re.M)[1])
    finally:
        config.close()


def measure(tell=print):
    """{case: instructions for each request}"""
    results = {}
    build = find_build()
    with Site(build) as site:
        site.store.kw("plan", "set", "pro", "--scope", "posts:read", "--limit", "6000r/m")
        # What is remembered costs the same whatever its verifier: a cheap one saves minutes under valgrind.
        key = site.store.key(subject="acme", plan="pro", verifier="bcrypt:4")["key"]
        for case, text in CASES:
            few, many = (count(build, site, key, case, n, site.folder / f"{case}{n}") for n in (FEW, MANY))
            results[case] = round((many - few) / (MANY - FEW))
            tell(f"{case:14} {results[case]:6} instructions ({results[case] - results['off']:+})  {text}")
    return results
