"""A short run of `./dev faults`: pushes through two ingresses while something fails, a ledger outside of everything,
and oracles that read every topic and table to the end. The faults that a run of CI sees are drawn by its seed."""

import random
import secrets

import pytest

from wxbus_faults.faults import BY_NAME
from wxbus_faults.report import Report
from wxbus_faults.run import Run
from wxbus_faults.world import World
from wxbus_testing.timing import margin

RATE = 30
SHORT = ("kill-ingress", "kill-business", "kill-api-proxy", "broker-stall", "postgres-crash", "cut-ingress-kafka",
         "retry-storm")

pytestmark = pytest.mark.real_kafka


@pytest.fixture(scope="module")
def seed():
    seed = secrets.randbelow(10 ** 6)
    print(f"seed {seed}")
    return seed


@pytest.fixture(scope="module")
def world(logs, seed):
    folder = logs / "faults"
    folder.mkdir()
    world = World(folder, random.Random(seed))
    try:
        world.start(RATE, accounts=2)
        yield world
    finally:
        world.close()


def test_nothing_is_lost_doubled_swapped_or_late_whatever_fails(world, seed, long, record_property):
    report = Report(f"seed {seed}")
    run = Run(world, report, print, quiet_s=margin(1))
    chosen = SHORT if long else random.Random(seed).sample(SHORT, 2)
    for name in chosen:
        run.round(BY_NAME[name])
    whole = run.whole()
    print(report.markdown())
    record_property("faults", ", ".join(chosen))
    record_property("pushes, acknowledged, duplicates", f"{whole.pushes}, {whole.acknowledged}, {whole.duplicates}")
    record_property("slowest answer", f"{whole.slowest_s:.2f} s")
    assert not report.findings, "\n".join(report.findings)
    assert whole.acknowledged > 0
