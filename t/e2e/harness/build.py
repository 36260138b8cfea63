"""What is under test: a build folder, an nginx, and the user that nginx's workers become."""

import grp
import os
import pwd
import re
import shutil
import subprocess
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[3]
SANITIZER_EXIT = 99  # no command's own exit status


class Build:
    def __init__(self, folder, nginx):
        self.folder = Path(folder).resolve()
        self.module = self.folder / "ngx_http_keyward_module.so"
        self.command = self.folder / "keyward"
        self.nginx = shutil.which(nginx, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        assert self.nginx, f"there is no {nginx}"
        assert self.module.exists(), f"{self.module} is missing: run make"
        told = subprocess.run([self.nginx, "-v"], capture_output=True, text=True, check=True).stderr
        self.nginx_version = tuple(int(number) for number in re.search(r"nginx/(\d+)\.(\d+)\.(\d+)", told).groups())
        self.sanitized = "KEYWARD_SANITIZE:BOOL=ON" in (self.folder / "CMakeCache.txt").read_text()
        # Everything is slower under sanitizers; time-outs are multiplied by this.
        self.patience = 3 if self.sanitized else 1

    @property
    def worker_user(self):
        """(user, group) of the workers, or None where nginx runs as ourselves."""
        if os.getuid() != 0:
            return None
        for name in ("www-data", "nobody"):
            try:
                entry = pwd.getpwnam(name)
            except KeyError:
                continue
            return name, grp.getgrgid(entry.pw_gid).gr_name
        raise AssertionError("neither www-data nor nobody exists")

    def environment(self, report_to=None, **more):
        """The environment for a process under test. Sanitizers write their reports to files named report_to.PID."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("KEYWARD_")}
        environment.update({k: str(v) for k, v in more.items()})
        if self.sanitized:
            options = f"exitcode={SANITIZER_EXIT}" + (f":log_path={report_to}" if report_to else "")
            environment["ASAN_OPTIONS"] = f"{options}:detect_leaks=1:detect_stack_use_after_return=1"
            environment["LSAN_OPTIONS"] = f"suppressions={Path(__file__).parent}/lsan.supp:print_suppressions=0"
            environment["UBSAN_OPTIONS"] = f"{options}:print_stacktrace=1"
        return environment

    def preload(self):
        """nginx itself isn't instrumented, so the runtimes that the module needs are loaded before it."""
        if not self.sanitized:
            return []
        paths = [
            subprocess.run(
                ["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=True
            ).stdout.strip()
            for name in ("libasan.so", "libubsan.so")
        ]
        return [f"LD_PRELOAD={':'.join(os.path.realpath(path) for path in paths)}"]
