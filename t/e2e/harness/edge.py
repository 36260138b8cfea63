"""An nginx with keyward in it, in a folder and on ports of its own."""

import os
import random
import re
import signal
import socket
import subprocess
import textwrap
from collections import namedtuple

from .client import Connection
from .h2client import H2Connection
from .wait import until

CONF = """\
load_module @MODULE@;
@USER@
worker_processes @WORKERS@;
daemon off;
pid @PREFIX@/nginx.pid;
error_log @PREFIX@/error.log @LOG_LEVEL@;
@MAIN@
events {
    worker_connections @WORKER_CONNECTIONS@;
}
http {
    access_log @PREFIX@/access.log;
    client_body_temp_path @PREFIX@/temp/body;
    proxy_temp_path @PREFIX@/temp/proxy;
    fastcgi_temp_path @PREFIX@/temp/fastcgi;
    uwsgi_temp_path @PREFIX@/temp/uwsgi;
    scgi_temp_path @PREFIX@/temp/scgi;
@HTTP@
}
"""
SERVER = """\
server {
    listen 127.0.0.1:@PORT@;
    @LISTEN_H2@
@SERVER@
@LOCATION@
}
"""
LOCATION = """\
location / {
@LOCATION@
    proxy_pass @BACKEND@;
}
"""

# What must not be in an error log, unless the test has allowed it.
BAD = re.compile(
    r"\[(alert|emerg)\]|exited on signal|exited with (fatal )?code [1-9]"
    r"|(Address|Leak|UndefinedBehavior)Sanitizer|runtime error:"
)

ConfigTest = namedtuple("ConfigTest", "rc output")


class StartFailed(Exception):
    """nginx didn't start; the message is what it said."""


class Ports:
    """Free ports on loopback, outside the range from which the kernel serves clients.

    A UDP socket bound to the same number keeps other tests, in other processes too, from taking it.
    """

    def __init__(self):
        self._guards = []

    def take(self):
        for _ in range(1000):
            port = random.randrange(10000, 32000)
            guard = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                guard.bind(("127.0.0.1", port))
                with socket.socket() as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind(("127.0.0.1", port))
            except OSError:
                guard.close()
                continue
            self._guards.append(guard)
            return port
        raise AssertionError("no free port")

    def close(self):
        for guard in self._guards:
            guard.close()


class Config:
    """Makes an nginx.conf from a test's pieces; see the edge fixture for what they mean."""

    def __init__(self, build, prefix, values):
        self.prefix = prefix
        self._ports = Ports()
        user = build.worker_user
        # Placeholders: text, or a function that answers with it when it is first needed.
        self._values = {
            "MODULE": build.module,
            "PREFIX": prefix,
            "USER": f"user {user[0]} {user[1]};" if user else "",
            "WORKER_CONNECTIONS": 4096,
            "LISTEN_H2": lambda: f"listen 127.0.0.1:{self.value('PORT_H2')}"
            + ("; http2 on;" if build.nginx_version >= (1, 25, 1) else " http2;"),
            **values,
        }
        # logs: where an nginx that was built by hand writes until it has read the configuration.
        for folder in (prefix, prefix / "temp", prefix / "logs"):
            folder.mkdir()
            folder.chmod(0o755)
        # Sanitizers write there as the workers' user.
        (prefix / "sanitizer").mkdir()
        (prefix / "sanitizer").chmod(0o777)

    def value(self, name):
        if name not in self._values:
            assert name.startswith("PORT"), f"the configuration has @{name}@, which nobody gave"
            self._values[name] = self._ports.take()
        elif callable(self._values[name]):
            self._values[name] = self._values[name]()
        return str(self._values[name])

    def fill(self, text):
        return re.sub(r"@([A-Z][A-Z0-9_]*)@", lambda match: self.value(match[1]), text)

    def write(self, http="", server=None, location=None, main="", workers=1, store=True, log_level="info"):
        blocks = http
        if server is not None or location is not None:
            block = SERVER.replace("@SERVER@", _indented(server or ""))
            inner = LOCATION.replace("@LOCATION@", _indented(location)) if location is not None else ""
            blocks += "\n" + block.replace("@LOCATION@", _indented(inner))
        if store and "keyward_store" not in http:
            blocks = "keyward_store @STORE@;\n" + blocks
        text = CONF.replace("@HTTP@", _indented(blocks)).replace("@MAIN@", textwrap.dedent(main))
        text = text.replace("@WORKERS@", str(workers)).replace("@LOG_LEVEL@", log_level)
        path = self.prefix / "nginx.conf"
        path.write_text(self.fill(text))
        return path

    def close(self):
        self._ports.close()


def _indented(text):
    return textwrap.indent(textwrap.dedent(text).strip("\n"), "    ")


def _command(build, config, *arguments):
    path = config.prefix / "nginx.conf"
    return ["env", *build.preload(), build.nginx, "-p", f"{config.prefix}/", "-c", path, *arguments]


def _environment(build, config):
    return build.environment(config.prefix / "sanitizer" / "report")


def config_test(build, prefix, values, **pieces):
    config = Config(build, prefix, values)
    try:
        config.write(**pieces)
        done = subprocess.run(
            _command(build, config, "-t"),
            env=_environment(build, config),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=30 * build.patience,
        )
    finally:
        config.close()
    reports = _reports(prefix)
    assert not reports, reports
    assert done.returncode in (0, 1), f"nginx -t ended with {done.returncode}: {done.stdout}"
    return ConfigTest(done.returncode, done.stdout)


def _reports(prefix):
    """What sanitizers wrote, one string for each process."""
    return [path.read_text(errors="replace") for path in sorted((prefix / "sanitizer").iterdir())]


class Edge:
    # Put before nginx's command: the tests' nginx may be given precedence over the tests.
    before = ()

    def __init__(self, build, prefix, values, **pieces):
        self.build = build
        self.prefix = prefix
        self._config = Config(build, prefix, values)
        self._pieces = pieces
        self._allowed = []
        try:
            self._start()
        except BaseException:
            self._config.close()
            raise

    # Where it is.

    @property
    def port(self):
        return int(self._config.value("PORT"))

    @property
    def port_h2(self):
        return int(self._config.value("PORT_H2"))

    def value(self, name):
        """What stands for @NAME@ in the configuration."""
        return self._config.value(name)

    def url(self, path="/"):
        return f"http://127.0.0.1:{self.port}{path}"

    # Requests.

    def connect(self, timeout=10):
        """A raw HTTP/1 connection."""
        return Connection(self.port, timeout * self.build.patience)

    def h2(self, timeout=10):
        """An HTTP/2 connection, to the server that listens on @PORT_H2@."""
        return H2Connection(self.port_h2, timeout * self.build.patience)

    def request(self, method="GET", target="/", headers=(), body=None, **more):
        """One request on a connection of its own."""
        with self.connect() as connection:
            return connection.request(method, target, headers, body, **more)

    def get(self, target="/", headers=(), **more):
        return self.request("GET", target, headers, **more)

    # Logs.

    @property
    def log(self):
        path = self.prefix / "error.log"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def access_log(self):
        """What has been logged of requests; nginx writes a line after its answer, so wait for it with until()."""
        return (self.prefix / "access.log").read_text(errors="replace")

    def wait_log(self, pattern, timeout=10, since=0):
        """The first match in the error log, from the character `since` on (as len(edge.log) told it before)."""
        return until(
            lambda: re.search(pattern, self.log[since:]), timeout * self.build.patience, f"{pattern!r} in the log"
        )

    def allow_log(self, pattern):
        """A line (or a sanitizer's report) with this in it doesn't fail the test."""
        self._allowed.append(re.compile(pattern))

    # Processes.

    @property
    def pid(self):
        """Of the master."""
        return self._process.pid

    def workers(self):
        """The pids of those that serve: initialised, and not shutting down."""
        return [pid for pid, title in self._children() if title == "nginx: worker process"]

    def _children(self):
        try:
            with open(f"/proc/{self.pid}/task/{self.pid}/children") as file:
                pids = [int(pid) for pid in file.read().split()]
        except (FileNotFoundError, ProcessLookupError):
            return
        for pid in pids:
            try:
                with open(f"/proc/{pid}/cmdline") as file:
                    yield pid, file.read().strip("\0 ")
            except (FileNotFoundError, ProcessLookupError):
                pass

    def send_signal(self, number):
        """To the master."""
        os.kill(self.pid, number)

    def kill_worker(self, pid=None, number=signal.SIGKILL):
        """Kills one (or this) worker and waits for the one that takes its place."""
        pid = pid or self.workers()[0]
        self.allow_log(rf"worker process {pid} exited on signal {int(number)}")
        os.kill(pid, number)
        self._until(lambda: pid not in self.workers() and len(self.workers()) == self._worker_count, "a new worker")
        return pid

    def reload(self, refused=False, **changes):
        """Reloads, with changed pieces of the configuration if given; answers when only new workers take connections.

        refused=True: the new configuration must be refused, and the old workers go on; answers with the log of that.
        """
        old = set(self.workers())
        since = len(self.log)
        self._pieces = {**self._pieces, **changes}
        self._config.write(**self._pieces)
        self.send_signal(signal.SIGHUP)
        if refused:
            self._until(lambda: "[emerg]" in self.log[since:], "the refusal of the new configuration")
            self._allowed.append(re.compile(r"\[emerg\]"))
            assert set(self.workers()) == old
            return self.log[since:]

        def renewed():
            assert "[emerg]" not in self.log[since:], self.log[since:]
            now = set(self.workers())
            return not now & old and len(now) == self._worker_count

        self._until(renewed, "new workers")
        return self.log[since:]

    def stop(self, graceful=True):
        """Waits for the end. A graceful one, where no request is left running, also shows connections that leaked."""
        process = self._process
        if process.poll() is None:
            for number, seconds in ((signal.SIGQUIT, 3), (signal.SIGTERM, 30))[0 if graceful else 1 :]:
                process.send_signal(number)
                try:
                    process.wait(seconds * self.build.patience)
                    break
                except subprocess.TimeoutExpired:
                    continue
            else:
                self._kill()
                raise AssertionError("nginx didn't stop, and was killed")

    def close(self):
        try:
            self.stop()
        finally:
            self._config.close()

    def _kill(self):
        os.killpg(self.pid, signal.SIGKILL)  # the workers too
        self._process.wait()

    def problems(self):
        """The lines of the error log, and the sanitizers' reports, that should fail the test."""
        lines = (self.log + (self.prefix / "stderr.log").read_text(errors="replace")).splitlines()
        found = dict.fromkeys(line for line in lines if BAD.search(line))
        return [text for text in [*found, *_reports(self.prefix)] if not any(p.search(text) for p in self._allowed)]

    def start(self):
        """Again, after stop()."""
        assert self._process.poll() is not None, "it is running"
        self._start()

    @property
    def _worker_count(self):
        return self._pieces.get("workers", 1)

    def _until(self, condition, what):
        return until(condition, 10 * self.build.patience, what)

    def _start(self):
        self._config.write(**self._pieces)
        # setpriv: nginx ends with us, however we end.
        with open(self.prefix / "stderr.log", "ab") as stderr:
            self._process = subprocess.Popen(
                [*self.before, "setpriv", "--pdeathsig", "TERM", *_command(self.build, self._config)],
                env=_environment(self.build, self._config),
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
                start_new_session=True,
            )

        def serving():
            if self._process.poll() is not None:
                raise StartFailed(
                    (self.prefix / "stderr.log").read_text(errors="replace") + "".join(_reports(self.prefix))
                )
            return len(self.workers()) == self._worker_count

        try:
            self._until(serving, "nginx to start")
        except BaseException:
            if self._process.poll() is None:
                self._kill()
            raise
