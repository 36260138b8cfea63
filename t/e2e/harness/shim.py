"""C that is preloaded into nginx: what no configuration can bring about."""

import subprocess
from pathlib import Path


def preload(build, folder, monkeypatch, name):
    """Compiles harness/NAME.c, and lets every nginx of this test start with it. Sanitizers have allocators and clocks of their own."""
    shim = folder / f"{name}.so"
    source = Path(__file__).parent / f"{name}.c"
    subprocess.run(["gcc", "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o", shim, source], check=True)
    before = build.preload()

    def with_shim():
        paths = [before[0].split("=", 1)[1]] if before else []
        return ["LD_PRELOAD=" + ":".join([*paths, str(shim)])]

    monkeypatch.setattr(build, "preload", with_shim)
