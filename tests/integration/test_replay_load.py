"""One account's hour out of many is replayed while live traffic flows: exactly those events, to that group alone, in both
modes, through pauses and kills; and how much later live events are answered meanwhile."""

import collections
import threading
import time

import pytest

from wxbus_testing import probe, replay, topics
from wxbus_testing.answers import Answers, percentile
from wxbus_testing.events import Events
from wxbus_testing.timing import margin
from wxbusdev.child import wait_until

HOUR_MS = 3_600_000
HOURS = 5
FANS = 500                              # of each account


class Live(threading.Thread):
    """Writes so many texts a second, which the probe answers, until it is stopped."""

    def __init__(self, deployment, rate):
        super().__init__(daemon=True)
        self._events, self._rate = Events(deployment, ["probe"]), rate
        self._ending = threading.Event()
        self.asked = {}                 # event id: (monotonic, wall clock)

    def run(self):
        began, number = time.monotonic(), 0
        while not self._ending.is_set():
            event_id = self._events.text("wxlive", f"oLive{number % FANS:023d}", f"live {number} reply")
            self.asked[event_id] = time.monotonic(), time.time()
            self._events.poll()
            number += 1
            time.sleep(max(0, began + number / self._rate - time.monotonic()))

    def close(self):
        self._ending.set()
        self.join()
        self._events.flush()


class History:
    """Texts of the hours before, of many accounts; they would be answered and ask for a call if they said anything."""

    def __init__(self, deployment, count, n_accounts):
        events = Events(deployment, ["probe"])
        self.begin_ms = int(time.time()) * 1000 - (HOURS + 1) * HOUR_MS
        self.since_ms, self.until_ms = self.begin_ms + 2 * HOUR_MS, self.begin_ms + 3 * HOUR_MS
        self.account = f"wxhistory{n_accounts // 2:06d}"
        self.wanted = set()
        for number in range(count):
            appid, at_ms = f"wxhistory{number % n_accounts:06d}", self.begin_ms + HOURS * HOUR_MS * number // count
            event_id = events.text(appid, f"oPast{number % FANS:023d}", "history reply ask", at_ms=at_ms)
            if appid == self.account and self.since_ms <= at_ms < self.until_ms:
                self.wanted.add(event_id)
            events.poll()
            if number % 20_000 == 19_999:
                events.flush()
        events.flush()

    def scope(self):
        return ["--account", self.account, "--since", replay.rfc3339(self.since_ms), "--until", replay.rfc3339(self.until_ms)]


@pytest.fixture(scope="module")
def deployment(new_deployment):
    deployment = new_deployment()
    probe.prepare(deployment)
    return deployment


def run_to(deployment, share, wanted, *arguments):
    """Start `wxbus replay ...` and give its process once it has written this share of the events; its id."""
    before = replay.newest(deployment, "probe")
    process = replay.running(deployment, *arguments)
    entered = process.__enter__()
    wait_until(lambda: replay.newest(deployment, "probe") != before, margin(30), "its row")
    run = replay.newest(deployment, "probe")
    wait_until(lambda: replay.written(deployment, run) >= share * len(wanted), margin(300), "a part of it", 0.1)
    return process, entered, run


def wait_handled(deployment):
    with probe.Group(deployment) as group:
        wait_until(lambda: group.read("probe.replay"), margin(300), "the replay's events handled", 0.5)


def past_effects(deployment, run):
    rows = probe.query(deployment, "SELECT event_id FROM probe.effects WHERE run = %s AND content LIKE 'history%%'", run)
    return collections.Counter(event_id for event_id, in rows)


def busy_seconds(deployment):
    """The seconds of the wall clock in which replayed events were handled."""
    rows = probe.query(deployment, "SELECT DISTINCT floor(extract(epoch FROM o.settled_at))::bigint FROM probe.sdk_once o "
                                   "JOIN probe.effects e USING (event_id, run) WHERE e.content LIKE 'history%%'")
    return {second for second, in rows}


def replay_what_is_missing(deployment, history, rate, killed):
    process, entered, run = run_to(deployment, 0.3, history.wanted, "run", "probe", "--missing", *history.scope(), "--rate",
                                   str(rate), "--migrations", probe.manifests())
    if killed:
        entered.kill()
    else:
        replay.command(deployment, "pause", run)
    entered.wait(margin(30))
    process.__exit__(None, None, None)
    assert 0 < replay.written(deployment, run) < len(history.wanted)
    replay.command(deployment, "resume", run)
    wait_handled(deployment)
    assert past_effects(deployment, "") == dict.fromkeys(history.wanted, 1)
    return run


def replay_each_once_more(deployment, history, rate, whole_wait):
    process, entered, run = run_to(deployment, 0.3, history.wanted, "run", "probe", "--redo", *history.scope(), "--rate",
                                   str(rate))
    entered.kill()
    process.__exit__(None, None, None)
    if not whole_wait:                  # the last 8 of its 60 s are enough: brokers that are well have shown all long before
        probe.query(deployment, "UPDATE wxbus.replays SET noted_at = noted_at - interval '52 s' WHERE replay_id = %s", run)
    resumed = replay.command(deployment, "resume", run)
    assert "waiting" in resumed.stderr and f"{len(history.wanted)} events written" in resumed.stdout
    wait_handled(deployment)
    assert past_effects(deployment, run) == dict.fromkeys(history.wanted, 1)
    return run


@pytest.mark.real_kafka
@pytest.mark.timeout(1800)              # at full size some 5 minutes on a machine that does nothing else
def test_one_accounts_hour_is_replayed_while_live_traffic_flows(deployment, long, record_property):
    count, n_accounts, rate, live_rate, calm_s = (1_000_000, 20, 200, 100, 30) if long else (12_000, 8, 100, 40, 3)
    began = time.monotonic()
    history = History(deployment, count, n_accounts)
    record_property("events written", f"{count} in {time.monotonic() - began:.0f} s")
    others = [deployment.topic(name) for name in ("auto-reply.replay", "api-requests")]
    before = topics.end_offsets(deployment.kafka.bootstrap_servers, others)
    deployment.start("wxbus-api-proxy", probe.BINARY)   # begins at the end: it has missed all of them
    live, answers = Live(deployment, live_rate), Answers(deployment)
    answers.start()
    live.start()
    # A group that has only just begun is slow.
    wait_until(lambda: len(answers.answers) > (10 if long else 1) * live_rate, margin(60), "the first answers")
    calm_from = time.time()
    time.sleep(calm_s)
    calm_to = time.time()
    missing = replay_what_is_missing(deployment, history, rate, killed=long)
    again = replay.command(deployment, "run", "probe", "--missing", *history.scope(), "--rate", "100000", "--migrations",
                           probe.manifests())
    redo = replay_each_once_more(deployment, history, rate, whole_wait=long)
    assert past_effects(deployment, "") == dict.fromkeys(history.wanted, 1)
    live.close()
    wait_until(lambda: len(answers.answers) >= len(live.asked), margin(60), "an answer to each live event", 0.1)
    answers.close()

    assert f"{len(history.wanted)} events written" in again.stdout
    with topics.TopicReader(deployment.kafka.bootstrap_servers, deployment.topic("probe.replay")) as reader:
        records = collections.Counter((record.headers["wxbus-replay"], record.event_id) for record in reader.read_to_end(120))
    for run in (missing, redo):                         # kills wrote none twice
        assert {event_id: n for (of, event_id), n in records.items() if of == run} == dict.fromkeys(history.wanted, 1)
    assert set(answers.answers) == set(live.asked)      # nothing was said outside, and nobody else was given anything
    assert topics.end_offsets(deployment.kafka.bootstrap_servers, others) == before
    assert not probe.query(deployment, "SELECT 1 FROM probe.effects WHERE content LIKE 'history%%' AND appid <> %s",
                           history.account)

    def p99_ms(during):
        return 1000 * percentile([answers.answers[event_id][0] - at for event_id, (at, wall) in live.asked.items()
                                  if during(wall)], 0.99)

    busy = busy_seconds(deployment)
    calm, replayed = p99_ms(lambda wall: calm_from <= wall < calm_to), p99_ms(lambda wall: int(wall) in busy)
    record_property("seconds with replayed events", len(busy))
    record_property("events of the hour", len(history.wanted))
    record_property("live p99 undisturbed", f"{calm:.1f} ms")
    record_property("live p99 while replaying", f"{replayed:.1f} ms")
    record_property("seconds", round(time.monotonic() - began))
    print(f"{len(history.wanted)} of {count} events; live p99 {calm:.1f} ms undisturbed, {replayed:.1f} ms while replaying")
    if long:
        assert replayed <= 2 * calm
