"""When and on what figures were taken, in one line."""

import datetime
import os
import platform
import subprocess

from . import paths


def description():
    return (f"{datetime.date.today()}, commit {_output('git', 'rev-parse', '--short', 'HEAD')}, {os.cpu_count()} cores, {_memory_gib()} GiB, "
            f"{platform.freedesktop_os_release()['PRETTY_NAME']}, Linux {platform.release()}, "
            f"{_output('gcc', '--version').splitlines()[0]}")


def _output(*argv):
    return subprocess.run(argv, cwd=paths.ROOT, capture_output=True, text=True, check=True).stdout.strip()


def _memory_gib():
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2 ** 30)
