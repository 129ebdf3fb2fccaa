"""`wxbus dead-letters`: what a business gave up is listed, handled once more after its bug is mended, or let go, each
letter once however often the command is killed, and the record says who did it."""

import collections
import json
import secrets
import subprocess
import time

import pytest

from wxbus_testing import probe, topics
from wxbus_testing.events import Events
from wxbus_testing.timing import margin
from wxbusdev import paths
from wxbusdev.child import wait_until
from wxbusdev.service import program_environment

REASON = "the text says so"

pytestmark = pytest.mark.real_kafka


@pytest.fixture(scope="module")
def deployment(new_deployment):
    deployment = new_deployment()
    probe.prepare(deployment)
    deployment.start("wxbus-api-proxy", probe.BINARY)       # api-proxy gives the business its caller's key
    return deployment


@pytest.fixture
def account():
    """One test's own."""
    return "wx" + secrets.token_hex(8)


def mended(deployment, is_mended=True):
    deployment.finish(probe.BINARY)
    deployment.start_one(probe.BINARY, settings={"WXBUS_PROBE_MENDED": "yes"} if is_mended else None)


def write(deployment, account, *contents):
    events = Events(deployment, ["probe"])
    ids = [events.text(account, "o" + secrets.token_hex(13), content) for content in contents]
    events.flush()
    return ids


def command(deployment, *arguments, **options):
    """As the role that `wxbus migrate` makes for the command's own schema."""
    return deployment.command("dead-letters", *arguments, timeout_s=120,
                              settings={"WXBUS_DATABASE_URL": deployment.database_url_of("wxbus")}, **options)


def letters(deployment, *arguments):
    answer = command(deployment, "list", "probe", "--json", *arguments)
    return [json.loads(line) for line in answer.stdout.splitlines()]


def wait_for_letters(deployment, count, *arguments):
    wait_until(lambda: len(letters(deployment, *arguments)) == count, margin(30), f"{count} letters", 0.5)
    return letters(deployment, *arguments)


def decide(deployment, act, *arguments, status=0):
    answer = command(deployment, act, "probe", "--json", *arguments, check=False)
    assert answer.returncode == status, answer.stderr
    return json.loads(answer.stdout.splitlines()[-1]), answer.stderr


def redriven(deployment, ids):
    """How often each was written to the group's replay topic."""
    with topics.TopicReader(deployment.kafka.bootstrap_servers, deployment.topic("probe.replay")) as reader:
        return collections.Counter(record.event_id for record in reader.read_to_end(30) if record.event_id in ids)


def wait_for_effects(deployment, ids):
    """Each of them had its one effect."""
    def happened():
        return collections.Counter(effect.event_id for effect in probe.effects(deployment) if effect.event_id in ids)
    wait_until(lambda: len(happened()) == len(ids), margin(30), f"{len(ids)} effects")
    assert set(happened().values()) == {1}


def test_letters_are_chosen_by_account_type_class_reason_and_time_and_counted(deployment, account):
    began = time.time()
    poison, failing, _ = write(deployment, account, "poison 1", "fail=9", "poison 2")
    events = Events(deployment, ["probe"])
    events.text(account, "oBroken", "", value=b"no JSON")
    events.flush()
    found = {letter["id"]: letter for letter in wait_for_letters(deployment, 4, "--account", account)}
    assert (found[poison]["error_class"], found[poison]["reason"], found[poison]["attempts"]) == ("poison", REASON, 1)
    assert (found[failing]["error_class"], found[failing]["attempts"], found[failing]["redrives"]) == ("retry", 3, 0)
    assert found[poison]["origin"]["topic"] == deployment.topic("messages") and found[poison]["state"] == "new"
    assert found[poison]["openid"].startswith("***")

    def count(*arguments):
        return len(letters(deployment, "--account", account, *arguments))

    assert count("--class", "poison") == 2 and count("--class", "retry") == 1 and count("--class", "x") == 0
    assert count("--reason", REASON) == 3 and count("--reason", "the text*", "--class", "poison") == 2
    assert count("--type", "weixin.message.*") == 4 and count("--type", "weixin.event.*") == 0
    assert count("--since", f"{int(time.time() - began) + 5}s") == 4 and count("--until", "1h") == 0
    assert count("--component", "wxnobody") == 0 and count("--openid", "oBroken") == 1
    assert len(letters(deployment, "--account", "wxnobody")) == 0
    summary = letters(deployment, "--account", account, "--summary")
    assert summary[0] == {"error_class": "poison", "reason": REASON, "letters": 2} and len(summary) == 3
    table = command(deployment, "list", "probe", "--account", account, "--limit", "3")
    assert "           3  in all" in table.stdout and "there are more than these 3" in table.stderr

    shown = json.loads(command(deployment, "show", "probe", found[poison]["letter"]).stdout)
    assert shown["id"] == poison and shown["fields"]["Content"] == "*** (8)"
    shown = json.loads(command(deployment, "show", "probe", found[poison]["letter"], "--reveal").stdout)
    assert shown["fields"]["Content"] == "poison 1" and shown["openid"].startswith("o")


def test_a_letter_that_dies_again_and_again_is_held_back(deployment, account):
    event_id, = write(deployment, account, "poison")
    for redrives in range(2):
        letter, = wait_for_letters(deployment, 1, "--account", account)
        assert (letter["id"], letter["redrives"], letter["attempts"]) == (event_id, redrives, 1)
        told, _ = decide(deployment, "redrive", "--account", account, "--max-redrives", "2")
        assert (told["redriven"], told["refused"]) == (1, 0)
        wait_until(lambda count=redrives + 2: len(letters(deployment, "--account", account, "--all")) == count, margin(20),
                   "the next letter", 0.5)
    told, says = decide(deployment, "redrive", "--account", account, "--max-redrives", "2", status=1)
    assert (told["redriven"], told["refused"]) == (0, 1) and "were redriven 2 times already" in says
    told, _ = decide(deployment, "redrive", "--account", account, "--max-redrives", "2", "--force")
    assert told["redriven"] == 1
    assert wait_for_letters(deployment, 1, "--account", account)[0]["redrives"] == 3


def test_what_is_dropped_is_neither_listed_nor_redriven_and_the_record_says_who(deployment, account):
    write(deployment, account, *(f"poison {number}" for number in range(3)))
    first, *rest = wait_for_letters(deployment, 3, "--account", account)
    told, _ = decide(deployment, "drop", first["letter"], "--dry-run")
    assert told == {"dropped": 1, "refused": 0, "dry_run": True} and len(letters(deployment, "--account", account)) == 3
    told, _ = decide(deployment, "drop", first["letter"], "--by", "anna", "--note", "a test of ours")
    assert told["dropped"] == 1
    assert [letter["letter"] for letter in letters(deployment, "--account", account)] == [one["letter"] for one in rest]
    assert decide(deployment, "redrive", first["letter"])[0]["redriven"] == 0
    shown = json.loads(command(deployment, "show", "probe", first["letter"]).stdout)
    assert (shown["state"], shown["by"], shown["note"]) == ("dropped", "anna", "a test of ours") and shown["at"]
    assert probe.query(deployment, "SELECT act, by_whom, note, letters, done, error FROM wxbus.dead_letter_runs "
                                   "WHERE note = 'a test of ours'") == [("drop", "anna", "a test of ours", 1, 1, None)]


def test_redriven_after_the_bug_is_mended_each_has_its_one_effect(deployment, account):
    ids = write(deployment, account, *(f"poison {number}" for number in range(30)))
    wait_for_letters(deployment, 30, "--account", account)
    mended(deployment)
    told, _ = decide(deployment, "redrive", "--account", account, "--dry-run")
    assert told == {"redriven": 30, "refused": 0, "dry_run": True} and not redriven(deployment, ids)
    began = time.monotonic()
    told, _ = decide(deployment, "redrive", "--account", account, "--rate", "20", "--by", "anna")
    assert told == {"redriven": 30, "refused": 0, "dry_run": False}
    assert time.monotonic() - began > 1.2       # 30 at 20 a second, in batches of two
    wait_for_effects(deployment, ids)
    assert not letters(deployment, "--account", account)
    dealt = letters(deployment, "--account", account, "--all")
    assert {(letter["state"], letter["by"]) for letter in dealt} == {("redriven", "anna")} and len(dealt) == 30
    assert decide(deployment, "redrive", "--account", account)[0]["redriven"] == 0
    assert redriven(deployment, ids) == dict.fromkeys(ids, 1)
    mended(deployment, False)


def test_killed_while_it_redrives_it_redrives_each_once(deployment, account):
    ids = write(deployment, account, *(f"poison {number}" for number in range(30)))
    wait_for_letters(deployment, 30, "--account", account)
    mended(deployment)
    with subprocess.Popen([str(paths.binary("wxbus")), "dead-letters", "redrive", "probe", "--account", account, "--rate", "2"],
                          stdin=subprocess.DEVNULL, env=program_environment(deployment.environment("wxbus"))) as run:
        wait_until(lambda: redriven(deployment, ids), margin(20), "the first of them")
        other = command(deployment, "redrive", "probe", "--account", account, check=False)
        run.kill()
    assert other.returncode == 1 and "somebody else" in other.stderr
    assert 0 < sum(redriven(deployment, ids).values()) < 30
    probe.query(deployment, "UPDATE wxbus.dead_letters SET claimed_at = claimed_at - interval '55 s'")  # the last 7 are enough
    decide(deployment, "redrive", "--account", account)
    assert redriven(deployment, ids) == dict.fromkeys(ids, 1)
    wait_for_effects(deployment, ids)
    mended(deployment, False)


def leave_claim(deployment, letter, age, run_id):
    """As a run would have that was killed so long ago, before it wrote the letter."""
    partition, offset = letter["letter"].split("/")
    with topics.TopicReader(deployment.kafka.bootstrap_servers, deployment.topic("probe.dead-letter")) as reader:
        died_ms = next(record for record in reader.read_to_end(30) if record.event_id == letter["id"]).timestamp_ms
    probe.query(deployment, "INSERT INTO wxbus.dead_letters (topic, letter_partition, letter_offset, died_ms, state, run_id, "
                            "event_id, type, appid, error_class, redrives, claimed_at) VALUES (%s, %s, %s, %s, 'claimed', %s, "
                            "%s, '', '', '', 0, now() - %s::interval) RETURNING 1",
                deployment.topic("probe.dead-letter"), partition, offset, died_ms, run_id, letter["id"], age)


def test_a_crash_between_claim_and_record_is_resolved_by_what_the_topic_holds(deployment, account):
    """Three claims were left: one letter is on the replay topic, one is not, and of one the topic tells no more."""
    ids = written, missing, unsure = write(deployment, account, "poison 1", "poison 2", "poison 3")
    wait_for_letters(deployment, 3, "--account", account)
    mended(deployment)
    found = {letter["id"]: letter for letter in letters(deployment, "--account", account)}
    decide(deployment, "redrive", found[written]["letter"])
    (run_id,), = probe.query(deployment, "UPDATE wxbus.dead_letters SET state = 'claimed', settled_at = NULL, claimed_at = "
                                         "now() - interval '2 minutes' WHERE event_id = %s RETURNING run_id", written)
    leave_claim(deployment, found[missing], "2 minutes", run_id)
    leave_claim(deployment, found[unsure], "8 days", run_id)
    assert [letter["state"] for letter in letters(deployment, "--account", account)] == ["claimed"] * 3
    told, says = decide(deployment, "redrive", "--account", account)
    assert told["redriven"] == 1 and "of 1 letters nobody knows" in says
    assert redriven(deployment, ids) == {written: 1, missing: 1}
    assert [letter["id"] for letter in letters(deployment, "--account", account)] == [unsure]
    told, _ = decide(deployment, "redrive", "--account", account, "--force")
    assert told["redriven"] == 1 and not letters(deployment, "--account", account)
    wait_for_effects(deployment, ids)
    mended(deployment, False)


def test_what_a_lagging_replica_may_keep_from_being_shown_is_waited_for(deployment, account):
    """A claim of 40 s: nothing more is written, but what was may be shown later still."""
    letter_id, = write(deployment, account, "poison")
    wait_for_letters(deployment, 1, "--account", account)
    letter, = letters(deployment, "--account", account)
    (run_id,), = probe.query(deployment, "INSERT INTO wxbus.dead_letter_runs (act, topic, by_whom, letters) VALUES "
                                         "('redrive', %s, 'test', 1) RETURNING run_id", deployment.topic("probe.dead-letter"))
    leave_claim(deployment, letter, "40 s", run_id)
    with subprocess.Popen([str(paths.binary("wxbus")), "dead-letters", "redrive", "probe", "--account", account],
                          stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                          env=program_environment(deployment.environment("wxbus"))) as run:
        said = run.stderr.readline()
        run.kill()
    assert "until it surely writes no more" in said
    assert not redriven(deployment, [letter_id])
    probe.query(deployment, "UPDATE wxbus.dead_letters SET claimed_at = now() - interval '2 minutes' WHERE run_id = %s", run_id)
    decide(deployment, "drop", "--account", account)


def test_a_wrong_command_line_is_told(deployment):
    for arguments, status, says in (
            ([], 2, "which GROUP's"), (["Probe"], 2, "is no group"), (["probe", "x"], 2, "is no letter"),
            (["probe", "--since", "yesterday"], 2, "--since takes a time"), (["nobody"], 1, "there is no topic")):
        answer = command(deployment, "redrive", *arguments, check=False)
        assert answer.returncode == status and says in answer.stderr, answer.stderr
    answer = command(deployment, "show", "probe", "0/999999", check=False)
    assert answer.returncode == 1 and "1 of these are not on" in answer.stderr
