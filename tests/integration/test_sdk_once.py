"""What a business of the SDK's does with events that fail, that come again, that ask for a result, that are to be
forgotten: a business with a database, killed under load, its topics and tables read by other people's clients."""

import collections
import json
import secrets
import time

import psycopg2
import pytest

from wxbus_testing import probe, topics
from wxbus_testing.events import Events
from wxbus_testing.timing import FACTOR, margin
from wxbusdev.child import wait_until

PREFIX = "once."
FIRST, SECOND = probe.BINARY, probe.BINARY + "-2"
FANS = 400

pytestmark = pytest.mark.real_kafka


@pytest.fixture(scope="module")
def deployment(kafka, new_deployment):
    if kafka.kind == "real":            # one partition, so that its order is the order in which verdicts were given
        topics.create_topic(kafka.bootstrap_servers, PREFIX + "replies", 1)
    deployment = new_deployment(topic_prefix=PREFIX)
    probe.prepare(deployment)
    deployment.start("wxbus-api-proxy", FIRST)      # api-proxy gives the business its caller's key
    return deployment


@pytest.fixture(scope="module")
def second(deployment):
    deployment.start_one(probe.BINARY, SECOND)


def troubles(random_):
    """content(number): 5 % of the texts fail once or twice, 0.1 % for good, a few too often."""
    def content(number):
        dice = random_.random()
        trouble = ("poison" if dice < 0.001 else "fail=9" if dice < 0.0015 else
                   "fail=2" if dice < 0.01 else "fail=1" if dice < 0.05 else "")
        return f"{number} {trouble}{' reply' if number % 3 == 0 else ''}"
    return content


def tries(content):
    """How often it fails; None: it is never handled."""
    if "poison" in content or "fail=9" in content:
        return None
    return int(content.partition("fail=")[2][:1] or 0)


def check_effects(deployment, expected):
    """Each event had its effect once, at the try that did not fail."""
    happened = [effect for effect in probe.effects(deployment) if effect.event_id in expected]
    assert collections.Counter(effect.event_id for effect in happened).most_common(1)[0][1] == 1
    assert {effect.event_id: effect.attempt for effect in happened} == {
        event_id: tries(content) for event_id, content in expected.items() if tries(content) is not None}
    return happened


def check_dead_letters(deployment, expected):
    wanted = {event_id: ("poison", "1") if "poison" in content else ("retry", "3")
              for event_id, content in expected.items() if tries(content) is None}
    with topics.TopicReader(deployment.kafka.bootstrap_servers, deployment.topic("probe.dead-letter")) as reader:
        letters = [letter for letter in reader.read_to_end(30) if letter.event_id in expected]
    assert {letter.event_id: (letter.headers["wxbus-error-class"], letter.headers["wxbus-attempts"])
            for letter in letters} == wanted
    assert {letter.headers["wxbus-reason"] for letter in letters} <= {"the text says so"}
    assert {letter.headers["wxbus-origin-topic"] for letter in letters} <= {deployment.topic("messages")}
    return len(letters)


def check_verdicts(records, expected):
    """Each was answered, and the first answer counts: by its reply, or by none if there was none or it failed. (One that
    failed and is delivered again after its retry may say its reply then.)"""
    first = {}
    for record in records:
        if record.event_id in expected:
            verdict = first.setdefault(record.event_id, record.json["verdict"])
            assert verdict == record.json["verdict"] or tries(expected[record.event_id])
    assert first == {event_id: "reply" if "reply" in content and tries(content) == 0 else "none"
                     for event_id, content in expected.items()}


def check_order(happened, fans, of_interest):
    places = {effect.event_id: effect.number for effect in happened}
    for fan in fans:
        numbers = [places[event_id] for event_id, content in fan.events if of_interest(content)]
        assert numbers == sorted(numbers), f"{fan.openid}: not in order"


@pytest.mark.timeout(900)
def test_killed_under_load_each_event_has_one_effect_or_is_a_dead_letter(deployment, second, long, record_property):
    count, seconds, kills = (200_000, 240, 20) if long else (20_000, 12, 3)
    random_ = probe.seeded()
    fans = [probe.Fan(number) for number in range(FANS)]
    writer = probe.Writer(deployment, fans, count, seconds, troubles(random_))
    began = time.monotonic()
    writer.start()
    probe.kill_at_random(deployment, [FIRST, SECOND], kills, seconds, random_)
    writer.finish()
    with probe.Group(deployment) as group:
        wait_until(group.done, margin(120), "all of the group's topics read", 0.5)
    took = time.monotonic() - began

    expected = dict(event for fan in fans for event in fan.events)
    assert len(expected) == count
    happened = check_effects(deployment, expected)
    letters = check_dead_letters(deployment, expected)
    check_order(happened, fans, lambda content: tries(content) == 0)
    with topics.TopicReader(deployment.kafka.bootstrap_servers, deployment.topic("replies")) as replies:
        check_verdicts(replies.read_to_end(60), expected)
    retried = sum(bool(tries(content)) for content in expected.values())
    record_property("seconds", round(took, 1))
    record_property("events retried", retried)
    record_property("dead letters", letters)
    print(f"{count} events, {kills} kills: {len(happened)} effects, {retried} of them retried, {letters} dead letters, "
          f"{took:.1f} s")
    assert len(happened) + sum(tries(content) is None for content in expected.values()) == count


def test_the_result_of_a_call_is_an_event_of_the_same_business(deployment, second):
    events, openid = Events(deployment, ["probe"]), "o" + secrets.token_hex(8)
    asked = [events.text("wxresults", openid, "ask") for _ in range(20)]
    events.flush()

    def results():
        return [effect for effect in probe.effects(deployment)
                if effect.appid == "wxresults" and effect.event_id.endswith(".tags")]

    wait_until(lambda: len({result.event_id for result in results()}) == len(asked), margin(30), "a result of each call")
    # token-service is not there: api-proxy refused them all.
    assert {result.content for result in results()} == {"rejected"} and len(results()) == len(asked)
    with topics.TopicReader(deployment.kafka.bootstrap_servers, deployment.topic("api-requests")) as requests:
        made = [record for record in requests.read_to_end(30) if record.json["appid"] == "wxresults"]
    assert {record.event_id for record in made} == {result.event_id for result in results()}


def test_a_fan_who_is_to_be_forgotten_leaves_nothing_and_is_not_handled_again(deployment, second):
    events, openid, other = Events(deployment, ["probe"]), "o" + secrets.token_hex(8), "o" + secrets.token_hex(8)

    def of(fan):
        return [effect for effect in probe.effects(deployment) if effect.openid == fan]

    for fan in (openid, other):
        events.text("wxforgets", fan, "hello")
    events.flush()
    wait_until(lambda: of(openid) and of(other), margin(20), "both handled")
    before = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() + 3600))
    component = deployment.platform.component_appid
    topics.produce(
        deployment.kafka.bootstrap_servers, deployment.topic("platform-notices"),
        json.dumps({"component_appid": component, "appid": "wxforgets", "openid": openid, "before": before}),
        f"{component}/wxforgets",
        [("ce_specversion", "1.0"), ("ce_id", secrets.token_hex(8)), ("ce_type", "wxbus.user.erased"),
         ("ce_source", f"/platforms/{component}/accounts/wxforgets"), ("ce_componentappid", component),
         ("ce_appid", "wxforgets"), ("content-type", "application/json")])
    wait_until(lambda: not of(openid), margin(20), "his effects deleted")
    assert of(other)

    def unhandled(times):
        """All that was written is settled, and none of it was his."""
        for _ in range(times):
            events.text("wxforgets", openid, "hello again")
        last = events.text("wxforgets", other, "the last")
        events.flush()
        with probe.Group(deployment) as group:
            wait_until(group.done, margin(20), "all read")
        assert last in {effect.event_id for effect in of(other)} and not of(openid)

    unhandled(5)
    # A process that starts later knows it from the table.
    assert probe.query(deployment, "SELECT count(*) FROM probe.sdk_erased WHERE openid = %s", openid) == [(1,)]
    for instance in (FIRST, SECOND):
        deployment.finish(instance)
        deployment.start_one(probe.BINARY, instance)
    unhandled(5)


def test_in_strict_order_everything_of_a_fan_waits_for_what_failed(deployment, second, long):
    count = 20_000 if long else 1500
    random_ = probe.seeded()
    fans = [probe.Fan(number) for number in range(100)]
    for instance in (FIRST, SECOND):
        deployment.finish(instance)
        deployment.start_one(probe.BINARY, instance, {"WXBUS_PROBE_STRICT": "yes"}, ready=False)
    writer = probe.Writer(deployment, fans, count, 2 * FACTOR,
                          lambda number: f"{number} {'fail=1' if random_.random() < 0.05 else ''}")
    writer.start()
    writer.finish()
    with probe.Group(deployment) as group:
        wait_until(group.done, margin(120), "all of the group's topics read", 0.5)
    happened = check_effects(deployment, dict(event for fan in fans for event in fan.events))
    check_order(happened, fans, lambda content: True)


def test_an_event_that_does_not_end_grows_old_in_the_metrics(deployment, second):
    """Its handler hangs: somebody has locked the table that it writes to."""
    def age():                          # of whichever process has the event
        return max(deployment.service(instance).metric("wxbus_business_oldest_event_age_seconds")
                   for instance in (FIRST, SECOND))

    wait_until(lambda: age() == 0, margin(20), "nothing in hand")
    with psycopg2.connect(deployment.database_url) as lock, lock.cursor() as cursor:
        cursor.execute("LOCK TABLE probe.effects IN ACCESS EXCLUSIVE MODE")
        events = Events(deployment, ["probe"])
        event_id = events.text("wxaccount000001", "o" + secrets.token_hex(13), "stuck")
        events.flush()
        first = wait_until(lambda: (now := age()) > 1 and now, margin(20), "an age")
        wait_until(lambda: age() > first + 1, margin(20), "a greater age")
    wait_until(lambda: age() == 0, margin(30), "nothing in hand")
    assert [effect.content for effect in probe.effects(deployment) if effect.event_id == event_id] == ["stuck"]
