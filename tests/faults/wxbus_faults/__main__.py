"""`./dev faults`: faults under load on a real Kafka, judged by a ledger outside of everything."""

import argparse
import contextlib
import os
import random
import secrets
import shlex
import signal
import subprocess
import sys
import traceback

from wxbusdev import paths
from wxbusdev.child import ChildError

from .disk import Disk
from .faults import BY_NAME, FAULTS
from .report import Report
from .run import Run, in_turn
from .world import World

RATE = 50


def _arguments():
    parser = argparse.ArgumentParser(prog="./dev faults", description=__doc__)
    parser.add_argument("--minutes", type=float, help="as long as this, fault after fault; otherwise each fault once")
    parser.add_argument("--seed", type=int, help="of everything that is left to chance; the table names it")
    parser.add_argument("--only", metavar="FAULT", action="append", choices=BY_NAME, default=[],
                        help="this one; several may be given")
    parser.add_argument("--rate", type=int, default=RATE, help=f"pushes per second; default {RATE}")
    parser.add_argument("--list", action="store_true", help="what faults there are")
    return parser.parse_args()


def _say(text):
    print(text, flush=True)


def _stop(*_):
    """Whoever ends the run gets the table of what there is so far, and nothing of ours stays."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise InterruptedError("the run was ended")


def _disks(faults):
    """The file systems of Kafka and PostgreSQL, where one of the faults is to fill them; and what cannot be run."""
    wanted = [fault for fault in faults if fault.root]
    if not wanted:
        return {}, {}
    disks = {}
    try:
        if os.geteuid() != 0:
            raise OSError("only root can mount a file system")
        for what in ("kafka", "postgres"):
            disks[what] = Disk()
    except (OSError, subprocess.CalledProcessError) as error:
        return {}, {fault.name: str(error) for fault in wanted}
    return disks, {}


def main():
    options = _arguments()
    if options.list:
        for fault in FAULTS:
            print(f"{fault.name:34}{fault.does}; healed: {fault.heals}")
        return 0
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    seed = secrets.randbelow(10 ** 6) if options.seed is None else options.seed
    random_ = random.Random(seed)
    faults = [BY_NAME[name] for name in options.only] or list(FAULTS)
    logs = paths.fresh_dir(paths.ROOT / "build" / "logs" / "faults")
    report = Report(shlex.join(["./dev", "faults", *sys.argv[1:]]) + f" (seed {seed})")
    _say(f"seed {seed}, {options.rate} pushes per second, logs and ledger in {logs}")
    single = [fault for fault in faults if not fault.cluster]
    clustered = [fault for fault in faults if fault.cluster]
    failures = []
    for part, its_faults in (("", single), ("cluster", clustered)):
        if its_faults:
            share = len(its_faults) / len(faults)
            failures += _run_part(logs / part, random_, report, its_faults, options, part == "cluster",
                                  options.minutes and options.minutes * share)
    return _finish(report, failures)


def _run_part(logs, random_, report, faults, options, cluster, minutes):
    """In a world of their own; what went wrong beyond what was judged."""
    failures = []
    logs.mkdir(exist_ok=True)
    with contextlib.ExitStack() as stack:
        disks, skipped = _disks(faults)
        report.skipped.update(skipped)
        for disk in disks.values():
            stack.callback(disk.close)
        faults = [fault for fault in faults if fault.name not in skipped]
        world = World(logs, random_, disks=disks, cluster=cluster)
        try:
            world.start(options.rate)
            run = Run(world, report, _say)
            for fault in in_turn(faults, random_, minutes):
                run.round(fault)
            run.whole()
        except Exception:               # whatever it was, what was found so far is to be shown
            failures.append(traceback.format_exc())
        finally:
            try:
                world.close()
            except ChildError as error:
                failures.append(str(error))
    return failures


def _finish(report, failures):
    table = report.markdown()
    target = paths.ROOT / "build" / "faults.md"
    target.write_text(table, encoding="utf-8")
    _say(table)
    _say(f"also in {target}")
    for failure in failures:
        _say(f"FAILED: {failure}")
    return 1 if failures or report.findings else 0


if __name__ == "__main__":
    sys.exit(main())
