#!/usr/bin/python3
"""What a store of ten million keys costs: its import, its commands, nginx's start, and a worker's own memory.

    t/bench/ten_million.py [--keys 10000000] [--folder /var/tmp] [--build build] [--nginx nginx] [--json FILE]

Prints a table and removes all that it made. Needs about 1.5 KB of free disk a key, and a memory that holds the store if the figures are to
be those of a warm one. Times are wall clock of one run: on a busy machine they are upper bounds.
"""

import argparse
import contextlib
import hashlib
import http.client
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
BYTES_A_KEY = 1500  # lines, store, backup and what compact writes, at once
FEW = 1000  # keys of the small store, and distinct keys that are asked for in both

CONFIG = """
daemon off; master_process on; worker_processes 1; pid {prefix}/nginx.pid; error_log {prefix}/error.log info; {user}
load_module {module};
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {prefix}/body; proxy_temp_path {prefix}/proxy; fastcgi_temp_path {prefix}/fastcgi;
    uwsgi_temp_path {prefix}/uwsgi; scgi_temp_path {prefix}/scgi;
    keyward_store {store};
    keyward_key_format many_ hex=40 verifier=sha256;
    server {{ listen 127.0.0.1:{port}; keepalive_requests 1000000000; keyward on; location / {{ empty_gif; }} }}
}}
"""


def key_text(n):
    return "many_" + hashlib.blake2b(str(n).encode(), digest_size=20).hexdigest()


def write_lines(path, count):
    with open(path, "w") as file:
        for begin in range(0, count, 10000):
            file.writelines(
                f'{{"id":"key_{n:09d}","subject":"subject_{n // 3}","sha256":"{hashlib.sha256(key_text(n).encode()).hexdigest()}"}}\n'
                for n in range(begin, min(count, begin + 10000))
            )


class Bench:
    def __init__(self, options, folder):
        self.folder = folder
        self.command = [str(options.build / "keyward")]
        self.module = options.build / "ngx_http_keyward_module.so"
        self.nginx = options.nginx
        self.figures = {}

    def run(self, *arguments, store, quiet=True):
        """The seconds, CPU seconds and peak MB of one command, which must work."""
        start = time.monotonic()
        with open(self.folder / "output", "w+") as output:
            process = subprocess.Popen(
                [*self.command, "--store", str(store), *map(str, arguments)], stdout=output, stderr=output
            )
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            wall = time.monotonic() - start
            output.seek(0)
            text = output.read()
        if process.returncode != 0:
            sys.exit(f"keyward {' '.join(map(str, arguments))}: exit {process.returncode}\n{text[-2000:]}")
        return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024

    def figure(self, name, *arguments, store):
        wall, cpu, peak = self.run(*arguments, store=store)
        self.note(
            name, f"{wall:.2f} s, {cpu:.2f} s of CPU, peak {peak:.0f} MB", seconds=wall, cpu_seconds=cpu, peak_mb=peak
        )

    def note(self, name, text, **values):
        self.figures[name] = {"text": text, **values}
        print(f"{name:44} {text}", flush=True)

    @contextlib.contextmanager
    def edge(self, store):
        """nginx with one worker in front of this store; gives its port and the seconds to the first answer."""
        prefix = self.folder / "nginx"
        prefix.mkdir(exist_ok=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        user = "user root root;" if os.geteuid() == 0 else ""
        (prefix / "nginx.conf").write_text(
            CONFIG.format(prefix=prefix, module=self.module, store=store, port=port, user=user)
        )
        start = time.monotonic()
        process = subprocess.Popen(
            [self.nginx, "-p", str(prefix), "-c", str(prefix / "nginx.conf")], stderr=subprocess.DEVNULL
        )
        try:
            while True:
                if process.poll() is not None or time.monotonic() > start + 120:
                    sys.exit("nginx doesn't answer:\n" + (prefix / "error.log").read_text()[-2000:])
                with contextlib.suppress(OSError):
                    if ask(port, [0]) == {200: 1}:
                        break
                time.sleep(0.002)
            yield port, time.monotonic() - start, process.pid
        finally:
            process.send_signal(signal.SIGQUIT)
            process.wait(60)


def ask(port, numbers):
    """Asks with these keys, one after the other over one connection; how often each status came."""
    found = {}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        for n in numbers:
            connection.request("GET", "/", headers={"X-API-Key": key_text(n)})
            response = connection.getresponse()
            response.read()
            found[response.status] = found.get(response.status, 0) + 1
    finally:
        connection.close()
    return found


def own_memory(master):
    """KB of a worker that are its own: private pages, without the maps of the store's files; and of those maps what is in memory."""
    worker = int(Path(f"/proc/{master}/task/{master}/children").read_text().split()[0])
    own = store = 0
    mapped = ""
    for line in Path(f"/proc/{worker}/smaps").read_text().splitlines():
        name, *words = line.split()
        if not name.endswith(":"):
            mapped = words[-1] if len(words) == 5 else ""
        elif name in ("Private_Clean:", "Private_Dirty:") and not mapped.endswith(".mdb"):
            own += int(words[0])
        elif name == "Rss:" and mapped.endswith("data.mdb"):
            store += int(words[0])
    return own, store


def forget(store):
    """Drops the store's files from the page cache. Nobody may have them open."""
    for path in store.rglob("data.mdb"):
        with open(path, "rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def make(bench, name, count):
    store = bench.folder / name
    lines = bench.folder / f"{name}.jsonl"
    write_lines(lines, count)
    bench.run("init", store=store)
    wall, cpu, peak = bench.run("key", "import", lines, store=store)
    lines.unlink()
    return store, (wall, cpu, peak)


def memory(bench, name, store, count):
    with bench.edge(store) as (port, seconds, master):
        spread = [n * (count // FEW) for n in range(FEW)]  # all over the store
        for _ in range(20):
            answers = ask(port, spread)
            assert answers == {200: FEW}, answers
        own, mapped = own_memory(master)
        bench.note(
            name, f"{own / 1024:.2f} MB of its own, and {mapped / 1024:.1f} MB of the store's shared pages", own_kb=own
        )
    return seconds


def measure(bench, count):
    bench.note(
        "machine",
        f"{platform.machine()}, {os.cpu_count()} CPUs, "
        f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GB, load {os.getloadavg()[0]:.1f}",
    )
    few, _ = make(bench, "few", FEW)
    store, (wall, cpu, peak) = make(bench, "many", count)
    bench.note(
        f"import of {count:,} sha256 keys",
        f"{wall:.1f} s, {cpu:.1f} s of CPU, peak {peak:.0f} MB",
        seconds=wall,
        cpu_seconds=cpu,
        peak_mb=peak,
    )
    size = (store / "credentials/data.mdb").stat().st_size
    bench.note("data.mdb", f"{size / 2**20:.0f} MB, {size / count:.0f} bytes a key", bytes=size)
    forget(store)
    with bench.edge(store) as (_, seconds, _):
        bench.note("nginx's start to its first answer, cold", f"{seconds:.3f} s", seconds=seconds)
    with bench.edge(store) as (_, seconds, _):
        bench.note("the same, warm", f"{seconds:.3f} s", seconds=seconds)
    memory(bench, f"a worker with {FEW:,} keys", few, FEW)
    memory(bench, f"a worker with {count:,} keys", store, count)
    bench.figure("key show", "key", "show", f"key_{count // 2:09d}", store=store)
    bench.figure("key revoke", "key", "revoke", f"key_{count // 2 + 1:09d}", store=store)
    bench.figure("key create", "key", "create", "--name", "one", "--verifier", "sha256", store=store)
    bench.figure("store stats", "store", "stats", store=store)
    bench.figure("store check", "store", "check", store=store)
    bench.figure("store backup", "store", "backup", bench.folder / "backup", store=store)
    bench.figure("store restore --dry-run", "store", "restore", bench.folder / "backup", "--dry-run", store=store)
    bench.figure("store restore", "store", "restore", bench.folder / "backup", store=store)
    shutil.rmtree(bench.folder / "backup")
    bench.figure("store compact", "store", "compact", store=store)
    size = (store / "credentials/data.mdb").stat().st_size
    bench.note("data.mdb, compact", f"{size / 2**20:.0f} MB, {size / count:.0f} bytes a key", bytes=size)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keys", type=int, default=10_000_000)
    parser.add_argument("--folder", default="/var/tmp", help="where the store is made for the run")
    parser.add_argument("--build", type=Path, default=Path(os.environ.get("KEYWARD_BUILD", PROJECT / "build")))
    parser.add_argument("--nginx", default=os.environ.get("NGINX", "nginx"))
    parser.add_argument("--json", type=Path, help="also write the figures into this file")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # what was made is removed, too
    options.build = options.build.resolve()
    if options.keys < FEW:
        parser.error(f"at least {FEW} keys")
    os.environ["PATH"] += ":/usr/sbin"
    free, needed = shutil.disk_usage(options.folder).free, options.keys * BYTES_A_KEY
    if free < needed:
        sys.exit(f"{options.folder} has {free >> 20} MB free; {needed >> 20} are needed: --folder, or fewer --keys")
    with tempfile.TemporaryDirectory(prefix="keyward-ten-million-", dir=options.folder) as folder:
        bench = Bench(options, Path(folder))
        measure(bench, options.keys)
    if options.json:
        options.json.write_text(json.dumps(bench.figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
