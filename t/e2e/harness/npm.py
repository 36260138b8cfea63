"""What `make oauth-server` installs from npm, for tests that run against other people's libraries; without it they are skipped."""

import shutil

import pytest


def modules(build, package):
    """The folder in whose node_modules the package is."""
    folders = [folder / "oauth" for folder in (build.folder, build.folder.parent)]
    found = next((folder for folder in folders if (folder / "node_modules" / package).is_dir()), None)
    if shutil.which("node") is None or found is None:
        pytest.skip(f"there is no {package}: `make oauth-server` installs it from npm")
    return found
