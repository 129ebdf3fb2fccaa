"""A program of a Debian package, without installing it: some packages start a server that nobody asked for."""

import os
import pathlib
import shutil
import subprocess
import tempfile

from . import paths
from .child import ChildError


def unpacked(package, suite=None):
    """The folder with the package's files, of this machine's Debian or of another `suite` ("trixie"); the first call
    downloads it. ChildError: it cannot be had."""
    folder = paths.cache_dir() / "debian" / (f"{package}-{suite}" if suite else package)
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = pathlib.Path(tempfile.mkdtemp(prefix=f"{package}.", dir=folder.parent))
    try:
        if suite:
            _download_of(suite, package, partial)
        else:
            _download(package, partial)
        deb, = partial.glob("*.deb")
        _run(["dpkg", "-x", str(deb), str(partial / "files")], partial)
        if not folder.is_dir():         # another run may have been faster
            (partial / "files").rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def _download(package, folder):
    try:
        _run(["apt-get", "-q", "download", package], folder)
    except ChildError:                  # no package lists, or old ones
        if os.geteuid() != 0:
            raise
        _run(["apt-get", "-q", "update"], folder)
        _run(["apt-get", "-q", "download", package], folder)


def _download_of(suite, package, folder):
    """With lists of its own: this machine's apt learns nothing of the suite, and what is installed counts for nothing."""
    (folder / "lists" / "partial").mkdir(parents=True)
    (folder / "cache").mkdir()
    (folder / "sources.list").write_text(f"deb http://deb.debian.org/debian {suite} main\n")
    apt = ["apt-get", "-q", "-o", f"Dir::Etc::SourceList={folder}/sources.list", "-o", "Dir::Etc::SourceParts=/dev/null",
           "-o", f"Dir::State::Lists={folder}/lists", "-o", f"Dir::Cache={folder}/cache",
           "-o", "Dir::State::Status=/dev/null", "-o", "APT::Sandbox::User=root"]
    _run([*apt, "update"], folder)
    _run([*apt, "download", package], folder)


def _run(argv, folder):
    answer = subprocess.run(argv, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, check=False)
    if answer.returncode != 0:
        raise ChildError(f"{' '.join(argv[:3])} failed:\n{answer.stdout[-2000:]}")
