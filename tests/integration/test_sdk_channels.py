"""A business on trial: WXBUS_CHANNEL=test is a group of its own, on topics of its own, beside the released one."""

import datetime
import secrets

import pytest

from wxbus_testing import topics
from wxbus_testing.events import Events
from wxbus_testing.timing import margin
from wxbusdev.child import wait_until

BUSINESS, TRIAL = "wxbus-release-check", "wxbus-release-check-trial"
TEXT = "TESTCOMPONENT_MSG_TYPE_TEXT"    # the one text that wxbus-release-check answers for anybody


@pytest.fixture(scope="module")
def deployment(new_deployment):
    deployment = new_deployment()
    deployment.start("wxbus-api-proxy")             # gives the business its caller's key
    deployment.start_one(BUSINESS, settings={"WXBUS_CHANNEL": "live"})
    deployment.start_one(BUSINESS, TRIAL, {"WXBUS_CHANNEL": "test"})
    return deployment


@pytest.fixture
def events(deployment):
    return Events(deployment, ["release-check"])


def reader(deployment, name):
    return topics.TopicReader(deployment.kafka.bootstrap_servers, deployment.topic(name))


def parse_time(text):
    """RFC 3339 in milliseconds since 1970."""
    return round(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


def settled(deployment, instance, outcome):
    return deployment.service(instance).metric("wxbus_business_events_total", outcome=outcome)


def test_each_channel_is_answered_by_its_own_release_in_the_name_of_the_group(deployment, events):
    live = {events.text("wxlive", "o" + secrets.token_hex(8), TEXT) for _ in range(30)}
    trial = {events.text("wxtrial", "o" + secrets.token_hex(8), TEXT, topic="messages.test") for _ in range(20)}
    events.flush()
    with reader(deployment, "replies") as replies:
        verdicts = replies.wait_for(lambda record: record.event_id in live | trial, margin(20), count=50)
    assert {record.event_id for record in verdicts} == live | trial
    assert {(record.json["group"], record.json["verdict"]) for record in verdicts} == {("release-check", "reply")}
    for instance, count in ((BUSINESS, 30), (TRIAL, 20)):
        wait_until(lambda: settled(deployment, instance, "done") == count, margin(5), f"{instance}: {count} settled")


def test_each_channel_has_its_own_dead_letters(deployment, events):
    """A record that nobody can read is kept, whole and with where it came from."""
    openid, value = "o" + secrets.token_hex(8), b'{"MsgType":"text","Content":'
    live = events.text("wxlive", openid, None, value=value)
    trial = events.text("wxtrial", openid, None, topic="messages.test", value=value)
    events.flush()
    for group, origin, event_id in (("release-check", "messages", live), ("release-check.test", "messages.test", trial)):
        with reader(deployment, f"{group}.dead-letter") as letters:
            letter = letters.wait_for_one(lambda record: True, margin(20))
            assert letters.read_to_end() == [letter]
        with reader(deployment, origin) as originals:
            original = originals.by_id(event_id)
        assert (letter.key, letter.value) == (original.key, value)
        assert letter.timestamp_ms >= original.timestamp_ms     # it is kept for its topic's time from here on
        assert parse_time(letter.headers["wxbus-origin-time"]) == original.timestamp_ms
        assert parse_time(letter.headers["wxbus-dead-at"]) == letter.timestamp_ms
        assert original.headers.items() <= letter.headers.items()
        assert letter.headers["wxbus-origin-topic"] == deployment.topic(origin)
        assert (letter.headers["wxbus-origin-partition"], letter.headers["wxbus-origin-offset"]) == (
            str(original.partition), str(original.offset))
        assert letter.headers["wxbus-error-class"] == "malformed"
        assert letter.headers["wxbus-attempts"] == "1" and letter.headers["wxbus-reason"]
