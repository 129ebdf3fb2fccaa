#!/usr/bin/python3
"""`./dev torture`: the unit tests of common/ and proto/ again and again, each time with another allocation or I/O call
failing (common/testing/failing.c).

What a test makes of it is its own affair: it may pass, or fail, for what it asked for did not happen; and running out
of memory stops the process with a message. But nothing may crash or hang.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time

from wxbusdev import paths

ORDERLY = b"out of memory, the process stops"
KINDS = ("alloc", "io")
OUTCOMES = ("passed", "failed", "stopped", "aborted", "CRASHED", "HUNG")
_TIMEOUT_S = 120                        # or, of a test that takes long anyway, several times what it takes
_TIMES_ITS_OWN = 4
_JOBS = 3 * os.cpu_count()              # unit tests mostly wait: for brokers, for time
_TRIES = 3                              # on a busy machine


def tests():
    """The unit tests of common/ and proto/ that ctest runs."""
    listed = subprocess.run(["ctest", "--test-dir", str(paths.build_dir()), "--show-only=json-v1"],
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True).stdout
    names = {test["name"] for test in json.loads(listed)["tests"]}
    sources = [path for folder in ("common", "proto") for path in sorted((paths.ROOT / folder).rglob("*_test.c"))]
    return [paths.build_dir() / "test" / path.stem for path in sources if path.stem in names]


class Torture:
    def __init__(self, most, seconds, jobs, seed):
        self._most, self._seconds, self._jobs, self._random = most, seconds, jobs, random.Random(seed)
        self._library = paths.build_dir() / "test" / "wxbus_failing.so"
        self._took_s = {}                   # by test

    def numbers(self, test, count):
        """All of them; of many, the first half of what there is time for and others by chance."""
        most = min(self._most, max(self._jobs, int(self._jobs * self._seconds / self._took_s[test])))
        if count <= most:
            return list(range(1, count + 1))
        first = most // 2
        return [*range(1, first + 1), *sorted(self._random.sample(range(first + 1, count + 1), most - first))]

    def counts(self, test):
        """{"alloc": n, "io": n} of a run in which nothing fails; None: it does not pass."""
        for _ in range(_TRIES):
            with tempfile.NamedTemporaryFile() as file:
                began = time.monotonic()
                code, output = self._run(test, {"WXBUS_FAIL_COUNTS": file.name}, _TIMES_ITS_OWN * _TIMEOUT_S)
                self._took_s[test] = time.monotonic() - began
                text = pathlib.Path(file.name).read_text()
            match = re.match(r"alloc (\d+) io (\d+)$", text.strip())
            if code == 0 and match:
                return dict(zip(KINDS, map(int, match.groups())))
        print(f"{test.name} does not pass even when nothing fails\n{_tail(output)}")
        return None

    def try_one(self, test, kind, number):
        """(outcome, what it printed)"""
        code, output = self._run(test, {"WXBUS_FAIL": f"{kind}:{number}"},
                                 max(_TIMEOUT_S, _TIMES_ITS_OWN * self._took_s[test]))
        if code is None:
            return "HUNG", output
        if code < 0 and code != -6:
            return "CRASHED", output
        if code == -6:
            return ("stopped" if ORDERLY in output else "aborted"), output
        return ("passed" if code == 0 else "failed"), output

    def _run(self, test, settings, timeout_s):
        try:
            done = subprocess.run([str(test)], env={**os.environ, "LD_PRELOAD": str(self._library), **settings},
                                  cwd=test.parent, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=timeout_s, check=False)
        except subprocess.TimeoutExpired as error:
            return None, error.output or b""
        return done.returncode, done.stdout


def _tail(output):
    return "\n".join("        " + line for line in output.decode("utf-8", "replace").splitlines()[-12:])


def main():
    parser = argparse.ArgumentParser(prog="./dev torture", description=__doc__)
    parser.add_argument("--most", type=int, default=200, help="numbers tried of each test and kind; default 200")
    parser.add_argument("--seconds", type=int, default=60,
                        help="of each test and kind, in which a slow test is tried fewer times; default 60")
    parser.add_argument("--seed", type=int, default=1, help="of which ones, where there are more; default 1")
    parser.add_argument("--only", metavar="TEST", help="this test alone, such as json_test")
    parser.add_argument("--jobs", type=int, default=_JOBS, help=f"runs at a time; default {_JOBS} here")
    options = parser.parse_args()
    torture, findings = Torture(options.most, options.seconds, options.jobs, options.seed), 0
    print(f"{'test':24}{'calls':>14}{'tried':>8}" + "".join(f"{outcome:>9}" for outcome in OUTCOMES))
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for test in tests():
            if options.only in (None, test.name):
                findings += _torture_one(torture, pool, test)
    print(f"{findings} findings")
    return 1 if findings else 0


def _torture_one(torture, pool, test):
    """How many findings."""
    counts, findings = torture.counts(test), 0
    if not counts:
        return 1
    for kind in KINDS:
        numbers = torture.numbers(test, counts[kind])
        results = list(pool.map(lambda number, kind=kind: torture.try_one(test, kind, number), numbers))
        outcomes = collections.Counter(outcome for outcome, _ in results)
        print(f"{test.name:24}{counts[kind]:8} {kind:5}{len(numbers):8}" +
              "".join(f"{outcomes[outcome]:9}" for outcome in OUTCOMES), flush=True)
        for number, (outcome, output) in zip(numbers, results):
            if outcome in ("CRASHED", "HUNG"):
                findings += 1
                print(f"    {outcome} at WXBUS_FAIL={kind}:{number}\n{_tail(output)}")
    return findings


if __name__ == "__main__":
    sys.exit(main())
