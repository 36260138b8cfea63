"""What `make test` installs from npm where there is one, for tests that run against other people's libraries; without it they are skipped."""

import shutil

import pytest


def modules(build, package):
    """The folder in whose node_modules the package is."""
    folders = [folder / "oauth" for folder in (build.folder, build.folder.parent)]
    found = next((folder for folder in folders if (folder / "installed").is_file()), None)
    if shutil.which("node") is None or found is None:
        pytest.skip(f"there is no {package}: nothing was installed from npm (`make oauth-server`)")
    return found
