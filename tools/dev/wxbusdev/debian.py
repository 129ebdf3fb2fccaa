"""A program of a Debian package, without installing it: some packages start a server that nobody asked for."""

import os
import pathlib
import shutil
import subprocess
import tempfile

from . import paths
from .child import ChildError


def unpacked(package):
    """The folder with the package's files; the first call downloads it. ChildError: it cannot be had."""
    folder = paths.cache_dir() / "debian" / package
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = pathlib.Path(tempfile.mkdtemp(prefix=f"{package}.", dir=folder.parent))
    try:
        try:
            _run(["apt-get", "-q", "download", package], partial)
        except ChildError:              # no package lists, or old ones
            if os.geteuid() != 0:
                raise
            _run(["apt-get", "-q", "update"], partial)
            _run(["apt-get", "-q", "download", package], partial)
        deb, = partial.glob("*.deb")
        _run(["dpkg", "-x", str(deb), str(partial / "files")], partial)
        if not folder.is_dir():         # another run may have been faster
            (partial / "files").rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def _run(argv, folder):
    answer = subprocess.run(argv, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, check=False)
    if answer.returncode != 0:
        raise ChildError(f"{' '.join(argv[:3])} failed:\n{answer.stdout[-2000:]}")
