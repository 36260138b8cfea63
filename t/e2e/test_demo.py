"""t/demo/demo.sh: what it shows is as it says, and it leaves nothing behind, however it ends."""

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest
from harness.build import PROJECT
from harness.wait import until

# nginx would need the sanitizers' runtimes loaded before it.
pytestmark = [pytest.mark.release_only, pytest.mark.xdist_group("demo")]

DEMO = PROJECT / "t/demo/demo.sh"


class Demo:
    """The script, in a folder of its own that is also what all that it starts is recognised by: its working directory."""

    def __init__(self, build, folder):
        self._build = build
        self.folder = folder / "demo"
        self.folder.mkdir()
        self.folder.chmod(0o755)
        self.out = self.folder / "out"

    def start(self, *arguments, **environment):
        temp = self.folder / "temp"
        temp.mkdir(exist_ok=True)
        temp.chmod(0o755)
        names = {
            "KEYWARD_BUILD": self._build.folder,
            "NGINX": self._build.nginx,
            "TMPDIR": temp,
            "TERM": "xterm",
            **environment,
        }
        with open(self.out, "wb") as out:
            self.process = subprocess.Popen(
                [DEMO, *arguments],
                cwd=self.folder,
                env={**self._build.environment(), **{name: str(value) for name, value in names.items()}},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    @property
    def text(self):
        return self.out.read_text()

    def wait(self, timeout=110):
        self.process.wait(timeout)
        return self.process.returncode

    def wait_text(self, pattern):
        return until(lambda: re.search(pattern, self.text), 110, f"{pattern!r} in the demo's output")

    def processes(self):
        """Everything that works in our folder."""
        found = {}
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and os.readlink(entry / "cwd").startswith(str(self.folder)):
                    found[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ")
            except OSError:
                continue
        return found

    def check_nothing_left(self):
        # A request that was under way when its loop was stopped ends a moment later.
        until(lambda: not self.processes(), 10, f"the end of {self.processes()}")
        assert list((self.folder / "temp").iterdir()) == []

    def close(self):
        for pid in [self.process.pid, *self.processes()]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()


@pytest.fixture
def demo(build, folder):
    demo = Demo(build, folder)
    yield demo
    demo.close()


def test_all_is_as_expected(demo):
    demo.start()
    assert demo.wait() == 0, demo.text
    demo.check_nothing_left()
    statuses = set(re.findall(r"^HTTP/1.1 (\d+)", demo.text, re.M))
    assert statuses == {"200", "401", "403", "429"}
    assert "\x1b" not in demo.text, "colours are for terminals"
    assert "All as expected" in demo.text
    for text in (
        "missing credentials",
        "insufficient scope",
        "API key expired",
        "rate limit exceeded",
        "invalid or inactive API key",
    ):
        assert text in demo.text
    assert re.search(r"\$ curl -i -H 'X-API-Key: kw_\w{49}' http://127\.0\.0\.1:\d+/", demo.text)
    assert re.search(r"\$ keyward key revoke key_\w+", demo.text)
    assert re.search(r"(\d+) were refused and 0 allowed", demo.text)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stays_until_it_is_told_to_stop(demo, number):
    demo.start("--stay")
    demo.wait_text("Left running until Ctrl-C")
    demo.wait_text(r"(?m)^  curl -i .*\n$")
    assert demo.process.poll() is None
    command = re.search(r"^  curl -i (-H '.*') (http.*)$", demo.text, re.M)
    shown = subprocess.run(
        f"curl -sS -o /dev/null -w '%{{http_code}}' {command[1]} {command[2]}",
        shell=True,
        capture_output=True,
        text=True,
    )
    assert shown.stdout == "200"
    demo.process.send_signal(number)
    assert demo.wait() == 0, demo.text
    demo.check_nothing_left()


@pytest.mark.parametrize("when", ["A store with", "No key", "go out meanwhile"])
def test_an_interrupted_one_leaves_nothing(demo, when):
    demo.start()
    demo.wait_text(when)
    demo.process.send_signal(signal.SIGTERM)
    assert demo.wait() == 143
    demo.check_nothing_left()


def test_a_killed_one_leaves_no_process(demo):
    demo.start("--stay")
    demo.wait_text("Left running")
    demo.process.kill()
    until(lambda: not demo.processes(), 10, "the end of what it started")


def test_what_is_missing_is_named(demo, folder):
    demo.start(KEYWARD_BUILD=folder / "nowhere")
    assert demo.wait() == 1
    assert "keyward is missing; run `make`" in demo.text
    demo.check_nothing_left()


def test_an_nginx_that_does_not_start_is_an_error(demo):
    demo.start(NGINX="/bin/false")
    assert demo.wait() == 1
    assert "nginx didn't start" in demo.text
    demo.check_nothing_left()


def test_wrong_usage(demo):
    demo.start("--nonsense")
    assert demo.wait() == 2
    assert "usage:" in demo.text
