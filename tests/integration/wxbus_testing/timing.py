"""How much slower than usual things may be.

A build with sanitizers gets wider margins, through one factor. And a machine with more to do than it has cores wakes
everybody late, us and what we test: a thread of ours measures by how much.
"""

import threading
import time

from wxbusdev import paths

_NAP_S = 0.02
_WORTH_NOTING_S = 0.01
_WAKE_UPS = 3                           # of an answer's way: the request's reader, its waiter, our own reader


def _sanitized():
    cache = paths.build_dir() / "CMakeCache.txt"
    return cache.exists() and any(line.startswith("WXBUS_SANITIZE:") and line.partition("=")[2]
                                  for line in cache.read_text().splitlines())


FACTOR = 4 if _sanitized() else 1


def margin(seconds):
    """`seconds` of tolerance for what only has to be quick; never for a limit's lower side."""
    return seconds * FACTOR


def in_time(start, end, limit_s):
    """Did what went on from `start` to `end` (monotonic) end within its limit, as far as the machine let it?"""
    late = max((late for at, late in _late if start - _NAP_S <= at <= end), default=0)
    return end - start <= limit_s + 0.1 * (FACTOR - 1) + _WAKE_UPS * late


_late = []                              # (when a nap began, by how much it was too long)


def _nap():
    while True:
        began = time.monotonic()
        time.sleep(_NAP_S)
        late = time.monotonic() - began - _NAP_S
        if late > _WORTH_NOTING_S:
            _late.append((began, late))


threading.Thread(target=_nap, name="lateness", daemon=True).start()
