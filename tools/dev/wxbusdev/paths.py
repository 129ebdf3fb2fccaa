"""Where things are."""

import os
import pathlib
import shutil

ROOT = pathlib.Path(__file__).resolve().parents[3]


def build_dir():
    """The build whose programs run: WXBUS_BUILD_DIR, else build/dev."""
    return pathlib.Path(os.environ.get("WXBUS_BUILD_DIR") or ROOT / "build" / "dev").resolve()


def binary(name):
    """The built program `name`; FileNotFoundError says how to build it."""
    path = build_dir() / "bin" / name
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: build first (./dev test builds everything)")
    return path


def cache_dir():
    """Where downloads stay between runs and checkouts."""
    base = os.environ.get("XDG_CACHE_HOME")
    if base:
        return pathlib.Path(base) / "wxbus"
    try:
        return pathlib.Path.home() / ".cache" / "wxbus"
    except RuntimeError:                # no home folder at all, as in some build systems
        return ROOT / "build" / "cache"


def fresh_dir(path):
    """Empty the folder `path`, made if missing."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path
