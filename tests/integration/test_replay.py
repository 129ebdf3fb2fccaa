"""`wxbus replay`: what it refuses, what bounds it, how it is paused, resumed and cancelled. (test_replay_load.py replays
under live traffic, through kills.) The group has no process here, so that nothing is handled."""

import json
import secrets
import time

import pytest

from wxbus_testing import probe, replay, topics
from wxbus_testing.events import Events
from wxbus_testing.timing import margin
from wxbusdev.child import wait_until
from wxbusdev.kafka import EmbeddedBroker

GROUP = "auto-reply"
AHEAD_MAX = 10_000
HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def deployment(new_deployment):
    deployment = new_deployment()
    probe.prepare(deployment)
    return deployment


def write(deployment, appid, count, begin_ms, step_ms, topic="messages"):
    """Texts of one account, received at these times; their ids."""
    events = Events(deployment, ["desk"])
    ids = []
    for number in range(count):
        ids.append(events.text(appid, f"oFan{number % 50:024d}", f"text {number}", topic=topic, at_ms=begin_ms + number * step_ms))
        events.poll()
    events.flush()
    return ids


def handed_over(deployment, group=GROUP):
    with topics.TopicReader(deployment.kafka.bootstrap_servers, deployment.topic(f"{group}.replay")) as reader:
        return reader.read_to_end(60)


@pytest.mark.real_kafka
def test_a_plan_says_how_many_of_whom_where_and_how_long(deployment):
    now_ms = int(time.time() * 1000)
    first, second, events = "wx" + secrets.token_hex(8), "wx" + secrets.token_hex(8), Events(deployment, ["desk"])
    for minute in range(120):                           # two hours, a text of each a minute
        for account in (first, second):
            events.text(account, f"oFan{minute % 50:024d}", "text", at_ms=now_ms - 6 * HOUR_MS + minute * 60_000)
        if minute == 10:
            events.flush()
            topics.produce(deployment.kafka.bootstrap_servers, deployment.topic("messages"), b"no event", "k",
                           timestamp_ms=now_ms - 6 * HOUR_MS + minute * 60_000)
    events.flush()
    scope = ["--since", replay.rfc3339(now_ms - 6 * HOUR_MS), "--until", replay.rfc3339(now_ms - 5 * HOUR_MS)]
    plan = json.loads(replay.command(deployment, "plan", GROUP, *scope, "--rate", "7", "--json").stdout)
    assert (plan["events"], plan["fans"], plan["malformed"], plan["scans"]) == (120, 100, 1, False)
    assert plan["seconds"] == -(-120 // 7)
    assert {row["appid"]: (row["events"], row["fans"]) for row in plan["accounts"]} == {first: (60, 50), second: (60, 50)}
    assert sum(row["events"] for row in plan["partitions"]) == 120
    one = json.loads(replay.command(deployment, "plan", GROUP, *scope, "--account", first, "--json").stdout)
    assert one["events"] == 60 and [row["appid"] for row in one["accounts"]] == [first]
    text = replay.command(deployment, "plan", GROUP, *scope, "--openid", f"oFan{7:024d}").stdout
    assert text.startswith("4 events of 2 accounts and 2 fans, among ") and "oFan" not in text      # 7 and 57, of each


@pytest.mark.real_kafka
def test_never_more_than_ten_thousand_are_ahead_and_it_is_paused_resumed_and_cancelled(deployment):
    account = "wx" + secrets.token_hex(8)
    ids = write(deployment, account, AHEAD_MAX + 300, int(time.time() * 1000) - HOUR_MS, 10)
    arguments = [GROUP, "--redo", "--account", account, "--rate", "100000"]
    with replay.running(deployment, "run", *arguments, "--by", "anna", "--note", "a bad release") as process:
        wait_until(lambda: replay.newest(deployment, GROUP), margin(30), "its row")
        run = replay.newest(deployment, GROUP)
        wait_until(lambda: replay.written(deployment, run) == AHEAD_MAX, margin(60), "as many as may be", 0.2)
        second = replay.command(deployment, "run", *arguments, check=False)
        other = replay.command(deployment, "resume", run, check=False)
        shown = replay.status(deployment, run)
        replay.command(deployment, "pause", run, "--by", "ben")
        said, _ = process.communicate(timeout=margin(30))
    assert second.returncode == 1 and f"has a replay that has not ended, {run} of anna" in second.stderr
    assert other.returncode == 1 and "another process feeds" in other.stderr
    assert (shown["state"], shown["ahead"], shown["events"], shown["by"], shown["note"]) == (
        "running", AHEAD_MAX, AHEAD_MAX, "anna", "a bad release")
    assert process.returncode == 1 and f"replay {run} is paused: {AHEAD_MAX} events written" in said
    assert any(json.loads(line)["waits_for_group"] for line in said.splitlines() if line.startswith("{"))
    assert len(handed_over(deployment)) == AHEAD_MAX
    assert (replay.status(deployment, run)["state"], replay.status(deployment, run)["state_by"]) == ("paused", "ben")

    with replay.running(deployment, "resume", run) as process:          # it waits as before, until somebody ends it
        wait_until(lambda: replay.status(deployment, run)["state"] == "running", margin(30), "its process")
        time.sleep(1)
        process.terminate()
        said, _ = process.communicate(timeout=margin(30))
    assert process.returncode == 1 and f"`wxbus replay resume {run}` goes on" in said
    assert replay.status(deployment, run)["state"] == "interrupted"

    with replay.running(deployment, "resume", run) as process:
        wait_until(lambda: replay.status(deployment, run)["state"] == "running", margin(30), "its process")
        replay.command(deployment, "cancel", run)
        said, _ = process.communicate(timeout=margin(30))
    assert process.returncode == 1 and "is cancelled" in said
    again = replay.command(deployment, "resume", run, check=False)
    assert again.returncode == 1 and "has ended: cancelled" in again.stderr
    records = handed_over(deployment)
    assert len(records) == len({record.event_id for record in records}) == AHEAD_MAX
    assert {record.event_id for record in records} <= set(ids)
    assert {(record.headers["wxbus-run"], record.headers["wxbus-replay"], record.headers["wxbus-effects"],
             record.headers["wxbus-origin-topic"]) for record in records} == {(run, run, "off", deployment.topic("messages"))}
    assert [row["replay"] for row in replay.status(deployment)][0] == run


@pytest.mark.real_kafka
def test_what_the_group_has_not_come_to_yet_is_not_missing(deployment):
    """Handled by the replay first, which may say nothing, it would be passed over when it is live."""
    servers, source = deployment.kafka.bootstrap_servers, deployment.topic("messages")
    account, now_ms = "wx" + secrets.token_hex(8), int(time.time() * 1000)
    scope = ["probe", "--account", account, "--json"]
    seen = write(deployment, account, 40, now_ms - HOUR_MS, 1)

    def planned(*options):
        return json.loads(replay.command(deployment, "plan", *scope, *options).stdout)["events"]

    assert (planned("--missing"), planned()) == (40, 40)        # it has committed nothing: nobody knows what it has seen
    ends = topics.end_offsets(servers, [source])
    with probe.Group(deployment) as group:
        group.commit({place: 0 for place in ends})
        assert (planned("--missing"), planned()) == (0, 40)
        group.commit(ends)
    write(deployment, account, 20, now_ms - HOUR_MS, 1)
    assert (planned("--missing"), planned()) == (40, 60)
    end = json.loads(replay.command(deployment, "run", *scope, "--missing", "--migrations", probe.manifests()).stdout)
    assert (end["state"], end["events"]) == ("done", 40)
    assert sorted(record.event_id for record in handed_over(deployment, "probe")) == sorted(seen)


@pytest.mark.real_kafka
def test_brokers_that_acknowledge_nothing_for_a_while_are_waited_for(deployment):
    """As after the death of a replica: what is written meanwhile may stand there and not be shown, so that a replay which
    gave it up would write it twice."""
    account = "wx" + secrets.token_hex(8)
    ids = write(deployment, account, 60, int(time.time() * 1000) - HOUR_MS, 1)
    old = replay.newest(deployment, "probe")
    with replay.running(deployment, "run", "probe", "--redo", "--account", account, "--rate", "20") as process:
        wait_until(lambda: (run := replay.newest(deployment, "probe")) != old and replay.written(deployment, run), margin(30),
                   "a part of it")
        deployment.kafka.pause()
        time.sleep(6)                   # its own tries took 4 s once
        deployment.kafka.resume()
        said, _ = process.communicate(timeout=margin(60))
    assert process.returncode == 0, said
    assert "not acknowledged" not in said
    run = replay.newest(deployment, "probe")
    assert sorted(record.event_id for record in handed_over(deployment, "probe")
                  if record.headers["wxbus-replay"] == run) == sorted(ids)


@pytest.mark.real_kafka
def test_what_retention_deletes_before_it_is_read_is_told(deployment):
    account, source = "wx" + secrets.token_hex(8), deployment.topic("messages")
    write(deployment, account, 60, int(time.time() * 1000) - HOUR_MS, 1)
    old = replay.newest(deployment, "probe")
    with replay.running(deployment, "run", "probe", "--redo", "--account", account, "--rate", "5") as process:
        wait_until(lambda: (run := replay.newest(deployment, "probe")) != old and replay.written(deployment, run), margin(30),
                   "a part of it")
        run = replay.newest(deployment, "probe")
        replay.command(deployment, "pause", run)
        process.wait(margin(30))
    assert replay.status(deployment, run)["lost"] == 0
    left = {number: (after, end) for number, after, end in probe.query(
        deployment, "SELECT source_partition, next_offset, to_offset FROM wxbus.replay_partitions WHERE replay_id = %s", run)}
    kept = {number: max(after, end - 2) for number, (after, end) in left.items()}
    lost = sum(offset - left[number][0] for number, offset in kept.items())
    assert lost > 0
    topics.delete_records(deployment.kafka.bootstrap_servers, source, kept)
    probe.query(deployment, "UPDATE wxbus.replays SET rate = 1000 WHERE replay_id = %s", run)
    end = replay.command(deployment, "resume", run, "--json", check=False)
    assert end.returncode == 1 and f"{lost} records of {source} were deleted before they could be read" in end.stderr
    row = json.loads(end.stdout)
    assert (row["state"], row["lost"], row["records"]) == ("done", lost, row["of"])
    assert replay.status(deployment, run)["lost"] == lost and replay.status(deployment)[0]["lost"] == lost
    probe.query(deployment, "UPDATE wxbus.replay_partitions SET next_offset = to_offset + 100 WHERE replay_id = %s", run)
    line, = (line for line in replay.command(deployment, "status").stdout.splitlines() if line.startswith(run))
    assert line.split()[-1] == "100%"


def make_again(deployment, topic, account, count):
    """The topic with other events of the same account, more of them than it had."""
    servers, name = deployment.kafka.bootstrap_servers, deployment.topic(topic)
    partitions = len(topics.end_offsets(servers, [name]))
    topics.delete_topic(servers, name)
    topics.create_topic(servers, name, partitions)
    write(deployment, account, count, int(time.time() * 1000) - HOUR_MS, 1, topic=topic)


@pytest.mark.real_kafka
@pytest.mark.parametrize("running", (False, pytest.param(True, marks=pytest.mark.long_only)), ids=("paused", "running"))
def test_a_source_that_is_made_again_is_not_replayed(deployment, running):
    """Other events stand at the offsets that were planned."""
    account, group = "wx" + secrets.token_hex(8), "probe.test"
    ids = write(deployment, account, 60, int(time.time() * 1000) - HOUR_MS, 1, topic="messages.test")
    old = replay.newest(deployment, group)
    with replay.running(deployment, "run", group, "--redo", "--account", account, "--rate", "3") as process:
        wait_until(lambda: (run := replay.newest(deployment, group)) != old and replay.written(deployment, run), margin(30),
                   "a part of it")
        run = replay.newest(deployment, group)
        if not running:
            replay.command(deployment, "pause", run)
            process.wait(margin(30))
        make_again(deployment, "messages.test", account, 300)
        if running:
            said, _ = process.communicate(timeout=margin(60))
            assert process.returncode == 1 and "made again" in said, said
    resumed = replay.command(deployment, "resume", run, check=False)
    assert resumed.returncode == 1 and "made again" in resumed.stderr.splitlines()[-1], resumed.stderr
    status = replay.status(deployment, run)
    assert status["state"] == "interrupted" and "made again" in status["error"]
    given = [record.event_id for record in handed_over(deployment, group) if record.headers["wxbus-replay"] == run]
    assert 0 < len(given) == len(set(given)) < 60 and set(given) <= set(ids)
    replay.command(deployment, "cancel", run)
    again = replay.command(deployment, "run", group, "--redo", "--account", account, "--rate", "100000", "--json")
    assert json.loads(again.stdout)["events"] == 300
    make_again(deployment, "messages.test", account, 0)     # others count what is there


@pytest.mark.real_kafka
def test_one_that_was_cancelled_as_its_process_was_killed_can_be_ended(deployment):
    account = "wx" + secrets.token_hex(8)
    write(deployment, account, 30, int(time.time() * 1000) - HOUR_MS, 1)
    with replay.running(deployment, "run", GROUP, "--redo", "--account", account, "--rate", "1") as process:
        wait_until(lambda: (run := replay.newest(deployment, GROUP)) and replay.status(deployment, run)["state"] == "running",
                   margin(30), "its row")
        process.kill()
        process.wait(margin(30))
    run = replay.newest(deployment, GROUP)
    probe.query(deployment, "UPDATE wxbus.replays SET state = 'cancelled' WHERE replay_id = %s", run)   # and it did not learn it
    answer = replay.command(deployment, "pause", run, check=False)
    assert answer.returncode == 1 and f"replay {run} is cancelled" in answer.stderr

    def ended():
        answer = replay.command(deployment, "cancel", run, check=False)
        return answer.returncode == 1 and "has ended: cancelled" in answer.stderr

    wait_until(ended, margin(30), "its end, once the server has noticed that the process is gone", 0.2)


@pytest.mark.real_kafka
def test_a_fan_is_named_only_until_the_replay_ends(deployment):
    account, now_ms = "wx" + secrets.token_hex(8), int(time.time() * 1000)
    write(deployment, account, 3, now_ms - HOUR_MS, 1)  # the released one's
    arguments = ["auto-reply.test", "--redo", "--openid", f"oFan{0:024d}", "--effects"]
    ids = write(deployment, account, 3, now_ms - HOUR_MS, 1, topic="messages.test")
    answer = replay.command(deployment, "run", *arguments, "--json")
    end = json.loads(answer.stdout)
    assert (end["state"], end["events"], end["topic"]) == ("done", 1, deployment.topic("messages.test"))
    record, = handed_over(deployment, "auto-reply.test")
    assert record.event_id == ids[0] and "wxbus-effects" not in record.headers
    assert "openid" not in replay.status(deployment, end["replay"])["scope"]


@pytest.mark.real_kafka
def test_what_cannot_be_replayed_is_refused_with_one_line(deployment):
    for arguments, code, says in (
            (["--redo", "--since", "1h"], 2, "which GROUP is to handle them?"),
            (["Probe", "--redo", "--since", "1h"], 2, "'Probe' is no group"),
            (["desk", "--since", "1h"], 2, "one of --missing"),
            (["desk", "--missing", "--redo", "--since", "1h"], 2, "one of --missing"),
            (["desk", "--redo"], 2, "which events?"),
            (["desk", "--redo", "--until", "1h", "--type", "*"], 2, "which events?"),
            (["desk", "--redo", "--since", "1h", "--until", "2h"], 2, "--until is not after --since"),
            (["desk", "--redo", "--since", "2999-01-01T00:00:00Z"], 2, "--since is still to come"),
            (["desk", "--redo", "--since", "1h", "--topic", "accounts"], 2, "--topic knows"),
            (["desk", "--redo", "--since", "1h", "--rate", "0"], 2, "--rate takes"),
            (["auto-reply", "--missing", "--since", "1h"], 1, "no manifest says \"once\" of it"),
            (["desk", "--redo", "--since", "1h"], 1, "desk cannot be given a replay: there is no topic")):
        answer = replay.command(deployment, "run", *arguments, check=False)
        assert answer.returncode == code and says in answer.stderr.splitlines()[0], answer.stderr
    for what in ("status", "pause", "resume", "cancel"):
        answer = replay.command(deployment, what, "nothing", check=False)
        assert answer.returncode == 1 and "there is no replay 'nothing'" in answer.stderr
    answer = replay.command(deployment, "pause", check=False)
    assert answer.returncode == 2 and "which REPLAY?" in answer.stderr


@pytest.mark.real_kafka
def test_what_was_written_is_found_however_late_the_last_note_is(new_deployment):
    """Processes that end before they decide anything note the row all the same."""
    deployment = new_deployment()
    servers, now_ms = deployment.kafka.bootstrap_servers, int(time.time() * 1000)
    ids = write(deployment, "wxone", 20, now_ms - HOUR_MS, 1)
    with replay.running(deployment, "run", GROUP, "--redo", "--account", "wxone", "--rate", "1") as process:
        wait_until(lambda: replay.newest(deployment, GROUP), margin(30), "its row")
        run = replay.newest(deployment, GROUP)
        wait_until(lambda: replay.status(deployment, run)["state"] == "running", margin(30), "its process")
    process.wait(margin(30))
    before = {record.event_id for record in handed_over(deployment)}
    with topics.TopicReader(servers, deployment.topic("messages")) as reader:
        records = [record for record in reader.read_to_end(60) if record.event_id not in before]
    target = deployment.topic(f"{GROUP}.replay")
    for record in records[::2]:                         # the first process's, half an hour ago
        topics.produce(servers, target, record.value, record.key, timestamp_ms=now_ms - HOUR_MS // 2, headers={
            **record.headers, "wxbus-run": run, "wxbus-replay": run, "wxbus-origin-topic": deployment.topic("messages"),
            "wxbus-origin-partition": str(record.partition), "wxbus-origin-offset": str(record.offset)})
    probe.query(deployment, "UPDATE wxbus.replays SET rate = 1000, fence = 2, left_at = now(), noted_at = now(), "
                            "started_at = now() - interval '40 minutes' WHERE replay_id = %s", run)
    replay.command(deployment, "resume", run)
    assert sorted(record.event_id for record in handed_over(deployment)) == sorted(ids)


def test_a_broker_without_look_up_by_time_is_read_from_its_beginning(new_deployment, logs):
    broker = EmbeddedBroker(logs / "replay-broker.log")
    broker.start()
    try:
        deployment = new_deployment(broker=broker, topic_prefix="wx.")
        now_ms = int(time.time() * 1000)
        write(deployment, "wxone", 5, now_ms - 3 * HOUR_MS, 1)
        wanted = write(deployment, "wxone", 5, now_ms - HOUR_MS, 1)
        write(deployment, "wxone", 5, now_ms - 1000, 1)
        answer = replay.command(deployment, "run", GROUP, "--redo", "--since", "2h", "--until", "30m")
        assert "10 of what is there" not in answer.stdout and ": 5 events written to wx.auto-reply.replay" in answer.stdout
        assert "no look-up by time: wx.messages is read from its beginning" in answer.stderr
        assert sorted(record.event_id for record in handed_over(deployment)) == sorted(wanted)
    finally:
        broker.close()
