"""A verdict that comes after the limit: the fan was told nothing, and gets the reply as a customer-service message."""

import concurrent.futures
import json
import secrets
import time

import confluent_kafka
import pytest

from wxbus_testing.ingress import REPLY_LIMIT_S
from wxbus_testing.timing import margin
from wxbus_testing.whole import RELEASE_CHECK, Whole, new_openid

TEXT, REPLY = "TESTCOMPONENT_MSG_TYPE_TEXT", "TESTCOMPONENT_MSG_TYPE_TEXT_callback"
FANS = 5


SECOND = RELEASE_CHECK + "-2"


@pytest.fixture(scope="module")
def whole(new_deployment):
    """With two processes of the business: each of them reads what is late."""
    whole = Whole(new_deployment())
    whole.deployment.start_one(RELEASE_CHECK, SECOND)
    return whole


def account_answered_late(whole, **fields):
    """An account whose replier is wxbus-release-check, which answers that one text for anybody who asks it."""
    appid, _ = whole.new_account(**fields)
    whole.authorize(appid)
    whole.set_repliers(appid, ["release-check"])
    return appid


def push_while_it_stands_still(whole, appid, fans):
    """The simulator's answers to one text of each fan; the business goes on 5 s after they were sent."""
    business = [whole.deployment.service(instance) for instance in (RELEASE_CHECK, SECOND)]
    with concurrent.futures.ThreadPoolExecutor(len(fans)) as pool:
        for process in business:
            process.pause()
        resume_at = time.monotonic() + 5
        try:
            pushed = list(pool.map(lambda fan: whole.sim.push_text(whole.component, appid, fan, TEXT), fans))
            time.sleep(max(0, resume_at - time.monotonic()))
        finally:
            for process in business:
                process.resume()
    return pushed


def test_a_late_reply_reaches_each_fan_once_as_a_customer_service_message(whole):
    appid = account_answered_late(whole)
    fans = [new_openid() for _ in range(FANS)]
    for pushed in push_while_it_stands_still(whole, appid, fans):
        assert pushed["answer"] == "success" and pushed["ms"] >= 1000 * (REPLY_LIMIT_S - 0.1), pushed
    for fan in fans:
        whole.wait_sent_to(appid, fan, REPLY, 20)

    time.sleep(margin(1))               # a second one would come now
    events = {fan: whole.message(appid, fan, TEXT).event_id for fan in fans}
    asked = [record for record in whole.all_records("api-requests") if record.key.startswith(appid)]
    for fan in fans:
        assert whole.sent_to(appid, fan) == [REPLY] and len(whole.sends(appid, fan)) == 1
        assert [record.event_id for record in asked if record.key == f"{appid}/{fan}"] == [f"late:{events[fan]}"] * 2
    said = whole.all_records("replies")
    for event_id in events.values():
        verdicts = [(record.json["group"], record.json["verdict"]) for record in said if record.event_id == event_id]
        assert set(verdicts) == {(None, "chosen"), ("release-check", "reply"), ("release-check", "late")}
        assert verdicts.count(("release-check", "late")) == 1


def test_a_late_reply_that_nobody_asked_to_send_is_sent_by_who_starts_minutes_later(whole):
    appid = account_answered_late(whole)
    fan, event_id = new_openid(), secrets.token_hex(16)
    push_while_it_stands_still(whole, appid, [new_openid()])
    late = whole.wait_record("replies", lambda record: record.json["verdict"] == "late" and record.headers["ce_appid"] == appid)
    for instance in (RELEASE_CHECK, SECOND):
        whole.deployment.finish(instance)
    producer = confluent_kafka.Producer({"bootstrap.servers": whole.deployment.kafka.bootstrap_servers, "acks": "all"})
    producer.produce(late.topic, json.dumps({**late.json, "event_id": event_id}), event_id,
                     headers=list({**late.headers, "ce_id": event_id, "ce_subject": fan}.items()),
                     timestamp=int((time.time() - 5 * 60) * 1000))
    assert producer.flush(10) == 0
    whole.deployment.start_one(RELEASE_CHECK)
    whole.deployment.start_one(RELEASE_CHECK, SECOND)
    asked = whole.wait_record("api-requests", lambda record: record.event_id == f"late:{event_id}", 20)
    assert asked.key == f"{appid}/{fan}"


def test_weixins_next_try_gets_the_late_reply_where_no_message_may_be_sent(whole):
    """An account that is not verified: its fan can only be answered while Weixin asks."""
    appid = account_answered_late(whole, service_type=0, verify_type=-1)
    fan = new_openid()
    first, = push_while_it_stands_still(whole, appid, [fan])
    assert first["answer"] == "success"
    event_id = whole.message(appid, fan, TEXT).event_id
    whole.wait_record("replies", lambda record: record.event_id == event_id and record.json["verdict"] == "reply", 20)
    again = whole.sim.push_text(whole.component, appid, fan, TEXT, msg_id=first["msg_id"])
    assert again["answer"] == "reply" and again["reply"]["Content"] == REPLY, again
    assert [record.json["verdict"] for record in whole.all_records("replies")
            if record.event_id == event_id].count("late") == 0
    assert whole.sent_to(appid, fan) == []
