"""The allowance of customer-service messages: one number for each fan, kept from what fans do and what is sent."""

import concurrent.futures
import itertools
import json
import time

import psycopg2
import pytest

from test_api_proxy_chain import ACCOUNT, SEND, Chain, text_to
from wxbus_testing.events import Events
from wxbusdev.child import wait_until
from wxbusdev.deployment import Deployment

_fans = itertools.count(1)
FANS = [f"oAllowance{number:02}" for number in range(1, 17)]


class Sends(Chain):
    """The whole way, and three businesses."""

    def __init__(self, deployment, kafka):
        super().__init__(deployment, kafka)
        self.keys = {name: self.add_caller(name, ["*"], ["*"], [])["key"] for name in ("desk", "shop", "news")}

    def as_caller(self, name, method, path, body=None, priority=None):
        headers = {"Authorization": f"Bearer {self.keys[name]}", "Content-Type": "application/json"}
        if priority:
            headers["Wxbus-Priority"] = priority
        status, headers, answer = self.deployment.request(
            "wxbus-api-proxy", method, f"/accounts/{ACCOUNT}{path}", json.dumps(body).encode() if body else None,
            headers, timeout_s=30)
        return status, json.loads(answer), headers

    def send(self, name, fan, priority=None, text="hello"):
        """(status, errcode, attempts)"""
        status, answer, headers = self.as_caller(name, "POST", SEND, text_to(fan, text), priority)
        return status, answer["errcode"], int(headers["Wxbus-Attempts"])

    def allowance(self, fan, name="desk"):
        status, answer, _ = self.as_caller(name, "GET", f"/allowance/{fan}")
        assert status == 200 and answer["appid"] == ACCOUNT and answer["openid"] == fan
        return answer

    def act(self, fan, **fields):
        """The fan does something, in a second of its own: Weixin's time has whole seconds."""
        time.sleep(1.05)
        fields = fields or {"MsgType": "text", "Content": "hi"}
        assert self.deployment.sim.push_message(self.component, ACCOUNT, fan, fields)["answer"] == "success"

    def act_and_wait(self, fan, left, **fields):
        self.act(fan, **fields)
        wait_until(lambda: self.allowance(fan)["left"] == left, 10, f"{left} left", 0.05)

    def sent_since(self, since):
        """errcodes of all sends that reached Weixin"""
        return [call["errcode"] for call in self.deployment.sim.calls(SEND, since)]

    def now(self):
        return self.deployment.sim.record()["next"]


@pytest.fixture(scope="module")
def sends(kafka, postgres, logs, tmp_path_factory):
    deployment = Deployment(tmp_path_factory.mktemp("allowance"), logs, kafka, postgres,
                            topic_prefix="wx." if kafka.kind == "embedded" else "allowance.")
    try:
        yield Sends(deployment, kafka)
    finally:
        deployment.close()


@pytest.fixture
def fan():
    return FANS[next(_fans) - 1]


def test_three_businesses_at_once_never_send_a_sixth_and_marketing_leaves_two(sends, fan, long):
    sends.act_and_wait(fan, 5)
    for _ in range(10 if long else 2):
        since = sends.now()
        jobs = [("desk", "agent"), ("shop", None), ("news", "marketing")] * 20
        with concurrent.futures.ThreadPoolExecutor(60) as pool:
            got = list(pool.map(lambda job: (job[0], sends.send(job[0], fan, job[1])), jobs))
        won = [name for name, (status, errcode, _) in got if (status, errcode) == (200, 0)]
        lost = {answer for name, answer in got if answer[:2] != (200, 0)}
        assert len(won) == 5 and won.count("news") <= 3
        assert lost == {(429, 45047, 0)}
        assert sends.sent_since(since) == [0] * 5, "Weixin refused what the ledger should have"
        assert sends.allowance(fan)["left"] == 0
        sends.act_and_wait(fan, 5)


def test_marketing_alone_stops_at_two_and_a_service_takes_them(sends, fan):
    sends.act_and_wait(fan, 5)
    since = sends.now()
    assert [sends.send("news", fan, "marketing")[1] for _ in range(5)] == [0, 0, 0, 45047, 45047]
    assert (sends.allowance(fan)["left"], sends.allowance(fan)["left_for_marketing"]) == (2, 0)
    assert [sends.send("shop", fan)[1] for _ in range(3)] == [0, 0, 45047]
    assert sends.sent_since(since) == [0] * 5


@pytest.mark.parametrize("event, count", [("subscribe", 3), ("SCAN", 3), ("CLICK", 3), ("scancode_waitmsg", 3), ("VIEW", None)])
def test_an_action_opens_a_minute_for_three(sends, fan, event, count):
    sends.act(fan, MsgType="event", Event=event, EventKey="key")
    if count is None:
        time.sleep(0.5)
        assert sends.allowance(fan)["left"] is None
        return
    wait_until(lambda: sends.allowance(fan)["left"] == count, 10, "the action counted", 0.05)
    since = sends.now()
    assert [sends.send("shop", fan)[1] for _ in range(4)] == [0, 0, 0, 45047]
    assert sends.sent_since(since) == [0] * 3


def test_what_a_fan_does_on_the_test_channel_counts_in_the_same_number(sends, fan):
    events = Events(sends.deployment, [])
    events.text(ACCOUNT, fan, "hi", topic="messages.test")
    events.flush()
    wait_until(lambda: sends.allowance(fan)["left"] == 5, 10, "his message is known", 0.05)
    sends.act(fan)                      # as Weixin knows it
    assert [sends.send("shop", fan)[1] for _ in range(6)] == [0] * 5 + [45047]


def test_a_failed_send_is_given_back(sends, fan):
    sends.act_and_wait(fan, 5)
    for _ in range(3):
        assert sends.as_caller("desk", "POST", SEND, {"touser": fan, "msgtype": "nonsense"})[1]["errcode"] == 40008
    assert sends.allowance(fan)["left"] == 5


def test_without_a_row_the_call_is_made_and_weixins_answer_is_remembered(sends, fan):
    assert sends.allowance(fan)["left"] is None and sends.allowance(fan)["until"] is None
    sends.deployment.sim.add_account(ACCOUNT, nick_name="Chain", user_name="gh_chain0000001", func_ids=[1, 2, 3],
                                     fans=FANS)
    since = sends.now()
    assert sends.send("shop", fan) == (200, 45015, 1)
    assert sends.allowance(fan)["left"] == 0
    wait_until(lambda: sends.send("shop", fan) == (429, 45015, 0), 10, "refused here", 0.5)
    refused = len(sends.sent_since(since))
    assert sends.send("shop", fan)[2] == 0 and len(sends.sent_since(since)) == refused
    sends.act_and_wait(fan, 5)
    assert sends.send("shop", fan) == (200, 0, 1)


def test_a_count_that_weixin_knows_better_is_corrected(sends, fan):
    """The fan wrote before we read: our row knows nothing, Weixin counts to five."""
    sends.act_and_wait(fan, 5)
    with psycopg2.connect(sends.deployment.database_url) as connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM api_proxy.allowance WHERE openid = %s", (fan,))
    connection.close()
    since = sends.now()
    assert [sends.send("shop", fan) for _ in range(6)] == [(200, 0, 1)] * 5 + [(200, 45047, 1)]
    assert sends.allowance(fan)["left"] == 0
    assert sends.send("shop", fan)[::2] == (429, 0)
    assert sends.sent_since(since) == [0] * 5 + [45047]
    sends.act_and_wait(fan, 5)


def test_a_fan_who_has_just_written_is_answered_at_once(sends, fan):
    sends.act_and_wait(fan, 5)
    assert [sends.send("shop", fan)[1] for _ in range(6)] == [0] * 5 + [45047]
    sends.act(fan)
    assert sends.send("shop", fan) == (200, 0, 1)
    wait_until(lambda: sends.allowance(fan)["left"] == 4, 10, "the send counted in the new window", 0.05)


def test_the_topic_takes_from_the_same_number(sends, fan):
    sends.act_and_wait(fan, 5)
    with sends.results("api-results") as results:
        for number in range(6):
            sends.request(f"{fan}-{number}", ACCOUNT, SEND, fan, text_to(fan, "over kafka"), "desk", sends.keys["desk"],
                          "api-results")
        got = [results.by_id(f"{fan}-{number}").json for number in range(6)]
    assert [(answer["outcome"], answer["errcode"]) for answer in got] == [("ok", 0)] * 5 + [("rejected", 45047)]
    assert got[5]["attempts"] == 0


def over_the_topic(sends, results, fan, jobs, name):
    """[(caller, outcome, errcode, attempts)] of sends to one fan, each in a lane of its own: all side by side."""
    for number, (caller, priority) in enumerate(jobs):
        sends.request(f"{name}-{number}", ACCOUNT, SEND, f"{name}-{number}", text_to(fan, "over kafka"), caller,
                      sends.keys[caller], "api-results", priority=priority, flush=False)
    assert sends.producer.flush(10) == 0
    got = [results.by_id(f"{name}-{number}", 30).json for number in range(len(jobs))]
    return [(caller, answer["outcome"], answer["errcode"], answer["attempts"]) for (caller, _), answer in zip(jobs, got)]


def test_three_businesses_at_once_over_the_topic_keep_to_the_number_and_the_priorities(sends, fan, long):
    sends.act_and_wait(fan, 5)
    with sends.results("api-results") as results:
        for turn in range(10 if long else 2):
            since = sends.now()
            jobs = [("desk", "agent"), ("shop", None), ("news", "marketing")] * 20
            got = over_the_topic(sends, results, fan, jobs, f"{fan}-{turn}")
            won = [caller for caller, outcome, *_ in got if outcome == "ok"]
            assert len(won) == 5 and won.count("news") <= 3
            assert {tuple(answer) for _, *answer in got if answer[0] != "ok"} == {("rejected", 45047, 0)}
            assert sends.sent_since(since) == [0] * 5, "Weixin refused what the ledger should have"
            sends.act_and_wait(fan, 5)
        since = sends.now()             # marketing alone leaves two, and the others get them
        got = over_the_topic(sends, results, fan, [("news", "marketing")] * 12, f"{fan}-news")
        assert sum(outcome == "ok" for _, outcome, *_ in got) == 3
        assert (sends.allowance(fan)["left"], sends.allowance(fan)["left_for_marketing"]) == (2, 0)
        got = over_the_topic(sends, results, fan, [("desk", "agent"), ("shop", "service")] * 6, f"{fan}-others")
        assert sum(outcome == "ok" for _, outcome, *_ in got) == 2
        assert sends.sent_since(since) == [0] * 5


def test_a_priority_that_was_changed_on_its_way_or_does_not_exist_is_not_served(sends, fan):
    forged = sends.deployment.service("wxbus-api-proxy")
    before = forged.metric("wxbus_api_proxy_topic_requests_total", result="forged")
    since = sends.now()
    with sends.results("api-results") as results:
        sends.request(f"{fan}-forged", ACCOUNT, SEND, fan, text_to(fan, "x"), "news", sends.keys["news"], "api-results",
                      priority="agent", signed_priority="marketing")
        sends.request(f"{fan}-urgent", ACCOUNT, SEND, fan, text_to(fan, "x"), "news", sends.keys["news"], "api-results",
                      priority="urgent")
        answer = results.by_id(f"{fan}-urgent").json
        assert (answer["outcome"], answer["errcode"], answer["attempts"]) == ("rejected", 47001, 0)
        assert f"{fan}-forged" not in {record.event_id for record in results.read_to_end()}
    assert forged.metric("wxbus_api_proxy_topic_requests_total", result="forged") == before + 1
    assert sends.sent_since(since) == []


def test_who_may_not_send_may_not_read_and_wrong_words_are_refused(sends, fan):
    sends.keys["menu"] = sends.add_caller("menu", ["*"], ["/cgi-bin/menu/*"], [])["key"]
    assert sends.as_caller("menu", "GET", f"/allowance/{fan}")[0] == 403
    assert sends.as_caller("desk", "GET", "/allowance/")[0] == 404
    assert sends.as_caller("desk", "POST", f"/allowance/{fan}", {})[0] == 405
    since = sends.now()
    assert sends.send("desk", fan, "urgent")[0] == 400
    assert sends.sent_since(since) == []
