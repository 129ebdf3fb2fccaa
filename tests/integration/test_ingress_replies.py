"""Passive replies: the test plays token-service (rows of `accounts`) and the repliers (verdicts on `replies`), and
Weixin, which pushes, retries, and checks what it is answered with crypto of its own."""

import datetime
import json
import signal
import threading
import time

import pytest

from wxbus_testing import weixin
from wxbus_testing.ingress import REPLY_LIMIT_S, Message, Repliers
from wxbus_testing.timing import margin
from wxbusdev.child import wait_until
from wxbusdev.deployment import PlatformConfig

FIRST, SECOND = "wxbus-ingress", "second"
SOON_S = 2                              # answered by a verdict, not by the limit
CUSTOMER_SERVICE = {"func_ids": [1, 15], "kind": "service", "verified": True}
RELEASE_CHECK = "wx570bc396a51b8ff8"
SECOND_PLATFORM = PlatformConfig("wxc0ffee00000002", "unused", [("second", weixin.new_encoding_aes_key())],
                                 default_repliers=["welcome", "auto-reply"])


@pytest.fixture(scope="module")
def bench(new_bench):
    """Two ingresses of one deployment."""
    bench = new_bench(platforms=[PlatformConfig.example(), SECOND_PLATFORM],
                      release_check_accounts=["wx0", RELEASE_CHECK.upper()])
    bench.start(FIRST)
    bench.start(SECOND)
    return bench


def at_the_limit(answer):
    return REPLY_LIMIT_S - 0.01 <= answer.seconds and answer.in_time


def soon(answer):
    return answer.seconds < margin(SOON_S)


def said(bench, message, *verdicts):
    """A push of `message` under way, published; then these verdicts: the Answer, and the push it answers."""
    push = message.push()
    future = bench.send_async(push)
    bench.wait_published(message)
    for verdict in verdicts:
        bench.verdict(message, *verdict)
    return future.result(), push


# --- who answers ---------------------------------------------------------------------------------------------

@pytest.mark.parametrize("verdicts, wanted", [
    ([("a", "reply", "A")], "A"),
    ([("a", "none"), ("b", "reply", "B")], "B"),
    ([("b", "reply", "B"), ("a", "none")], "B"),
    ([("b", "reply", "B"), ("a", "reply", "A")], "A"),
    ([("d", "reply", "D"), ("c", "none"), ("b", "none"), ("a", "none")], "D"),
    ([("d", "reply", "D"), ("c", "none"), ("b", "reply", "B"), ("a", "none")], "B"),
    ([("a", "empty")], ""),
    ([("b", "reply", "B"), ("a", "empty")], ""),
    ([("b", "empty"), ("a", "none")], ""),
    ([("d", "none"), ("c", "none"), ("b", "none"), ("a", "none")], None),
    ([("a", "none"), ("a", "reply", "too late"), ("b", "reply", "B")], "B"),
    ([("stranger", "reply", "S"), ("a", "none"), ("b", "none"), ("c", "none"), ("d", "none")], None),
], ids=lambda value: " ".join("-".join(verdict[:2]) for verdict in value) if isinstance(value, list) else repr(value))
def test_the_first_group_in_order_with_something_to_say_answers(bench, verdicts, wanted):
    message = bench.message(bench.put_account(["a", "b", "c", "d"]))
    answer, push = said(bench, message, *verdicts)
    assert soon(answer)
    if wanted is None:
        assert answer.success
    elif wanted == "":
        assert (answer.status, answer.body) == (200, b"")
    else:
        reply = message.open_reply(answer, push)
        assert (reply["MsgType"], reply["Content"]) == ("text", wanted)


def test_a_group_before_the_one_that_replied_is_waited_for(bench):
    message = bench.message(bench.put_account(["a", "b"]))
    push = message.push()
    future = bench.send_async(push)
    bench.wait_published(message)
    bench.verdict(message, "b", "reply", "B")
    time.sleep(0.5)
    assert not future.done()
    bench.verdict(message, "a", "none")
    assert message.open_reply(future.result(), push)["Content"] == "B"


def test_the_record_names_the_repliers_and_their_deadline(bench):
    account = bench.put_account(["desk", "shop", "auto-reply"])
    message = bench.message(account)
    answer, _ = said(bench, message, ("desk", "empty"))
    record = bench.reader().by_id(message.event_id)
    assert record.headers["ce_repliers"] == "desk,shop,auto-reply"
    deadline = datetime.datetime.fromisoformat(record.headers["ce_replydeadline"].replace("Z", "+00:00"))
    assert round(deadline.timestamp() * 1000) == record.timestamp_ms + 3800
    assert "ce_unverifiedaccount" not in record.headers
    assert record.key == f"{account.appid}/{message.openid}"
    assert record.json["Content"] == "hi" and record.json["MsgId"] == str(message.msg_id)
    assert bench.wait_verdict(message, "chosen") == {
        "event_id": message.event_id, "group": "desk", "verdict": "chosen", "reply": None}
    assert answer.body == b""


def test_at_the_limit_the_best_that_is_there_is_the_answer(bench):
    cases = {}
    for name, verdicts in {"reply": [("l2", "none"), ("l3", "reply", "third")], "empty": [("l3", "empty")],
                           "nothing": []}.items():
        message = bench.message(bench.put_account([f"l1-{name}", "l2", "l3", f"l4-{name}"]))
        push = message.push()
        cases[name] = (message, push, bench.send_async(push))
        bench.wait_published(message)
        for verdict in verdicts:
            bench.verdict(message, *verdict)
    answers = {name: future.result() for name, (_, _, future) in cases.items()}
    print({name: f"{answer.seconds:.3f} s" for name, answer in answers.items()})
    assert all(at_the_limit(answer) for answer in answers.values())
    message, push, _ = cases["reply"]
    assert message.open_reply(answers["reply"], push)["Content"] == "third"
    assert bench.wait_verdict(message, "chosen")["group"] == "l3"
    assert (answers["empty"].status, answers["empty"].body) == (200, b"")
    assert answers["nothing"].success
    chosen = bench.wait_verdict(cases["nothing"][0], "chosen")
    assert (chosen["group"], chosen["reply"]) == (None, None)


@pytest.mark.parametrize("json_form", [False, True], ids=["XML", "JSON"])
def test_each_kind_of_reply_arrives_in_the_form_of_the_push(bench, json_form):
    account = bench.put_account(["a"])
    news = {"MsgType": "news", "Articles": [{"Title": "标题", "Url": "https://example.com/?a=1&b=2"}]}
    for reply in ({"MsgType": "text", "Content": "你好 <b>&amp;</b> ]]> 😀\nnext line"},
                  {"MsgType": "image", "Image": {"MediaId": "media-1"}},
                  {"MsgType": "transfer_customer_service"}, news):
        message = bench.message(account, json_form=json_form)
        answer, push = said(bench, message, ("a", "reply", reply))
        opened = message.open_reply(answer, push)
        assert opened["MsgType"] == reply["MsgType"]
        assert opened.get("Content") == reply.get("Content")
        assert opened.get("Image") == reply.get("Image")
        assert isinstance(opened["CreateTime"], int if json_form else str)
        assert answer.headers["Content-Type"] == ("application/json" if json_form else "application/xml")
        if reply is news:
            articles = opened["Articles"] if json_form else [opened["Articles"]["item"]]
            assert articles == [{"Description": "", "PicUrl": "", **news["Articles"][0]}]


def test_a_reply_that_weixin_could_not_read_becomes_success(bench):
    account = bench.put_account(["a"])
    for reply in ({"MsgType": "text"}, {"MsgType": "nonsense", "Content": "hi"}, {"MsgType": "text", "Content": None}):
        answer, _ = said(bench, bench.message(account), ("a", "reply", reply))
        assert answer.success and soon(answer)


def test_records_that_are_no_verdict_are_counted_and_passed_over(bench):
    message = bench.message(bench.put_account(["a"]))
    push = message.push()
    future = bench.send_async(push)
    bench.wait_published(message)
    before = bench.metric("records_refused_total", topic="replies")
    bad = [{}, [], "text", 7, {"event_id": message.event_id, "group": "a", "verdict": "yes", "reply": None},
           {"event_id": "../../etc", "group": "a", "verdict": "empty", "reply": None},
           {"event_id": message.event_id, "group": "a", "verdict": "reply", "reply": None},
           {"event_id": message.event_id, "group": None, "verdict": "empty", "reply": None},
           {"event_id": message.event_id, "group": "a", "verdict": "none", "reply": {"MsgType": "text"}}]
    for record in bad:
        bench.produce("replies", "nobody's", record)
    bench.wait_metric("records_refused_total", before + len(bad), topic="replies")
    assert not future.done()
    bench.verdict(message, "a", "reply", "after all")
    assert message.open_reply(future.result(), push)["Content"] == "after all"


# --- who is asked --------------------------------------------------------------------------------------------

def test_accounts_on_the_test_channel_go_to_messages_test_and_are_answered_from_there(bench):
    message = bench.message(bench.put_account(["a"], channel="test"))
    push = message.push()
    future = bench.send_async(push)
    record = bench.wait_published(message, "messages.test")
    bench.verdict(message, "a", "reply", "from the test release")
    assert message.open_reply(future.result(), push)["Content"] == "from the test release"
    assert record.headers["ce_repliers"] == "a"
    assert bench.published(message, "messages") == 0


def test_accounts_of_the_release_check_are_routed_by_the_setting_whatever_the_directory_says(bench):
    account = bench.put_account(["desk"], appid=RELEASE_CHECK, channel="test", state="unauthorized")
    message = bench.message(account, content="TESTCOMPONENT_MSG_TYPE_TEXT")
    answer, push = said(bench, message, ("desk", "reply", "desk"),
                        ("release-check", "reply", "TESTCOMPONENT_MSG_TYPE_TEXT_callback"))
    assert message.open_reply(answer, push)["Content"] == "TESTCOMPONENT_MSG_TYPE_TEXT_callback"
    assert bench.reader().by_id(message.event_id).headers["ce_repliers"] == "release-check"
    assert bench.published(message, "messages.test") == 0


def test_an_unauthorized_accounts_push_is_published_and_no_reply_awaited(bench):
    message = bench.message(bench.put_account(["a"], state="unauthorized"))
    answer = bench.send(message)
    assert answer.success and soon(answer)
    assert "ce_repliers" not in bench.reader().by_id(message.event_id).headers


def test_an_account_without_repliers_is_answered_once_its_push_is_on_the_topic(bench):
    message = bench.message(bench.put_account([]))
    answer = bench.send(message)
    assert answer.success and soon(answer)
    headers = bench.reader().by_id(message.event_id).headers
    assert "ce_repliers" not in headers and "ce_replydeadline" not in headers
    assert bench.verdicts_of(message) == []


def test_unknown_accounts_have_the_default_repliers_of_their_platform(bench):
    platform = weixin.Platform(SECOND_PLATFORM.component_appid, *SECOND_PLATFORM.keys[0])
    message = Message(platform, "wxunknown1", "gh_unknown1")
    answer, push = said(bench, message, ("welcome", "none"), ("auto-reply", "reply", "welcome"))
    assert message.open_reply(answer, push)["Content"] == "welcome"
    headers = bench.reader().by_id(message.event_id).headers
    assert headers["ce_repliers"] == "welcome,auto-reply" and headers["ce_unverifiedaccount"] == "true"


def test_an_older_row_of_the_directory_never_replaces_a_newer_one(bench):
    account = bench.put_account(["a"], version=1000)
    row = {"component_appid": bench.component, "appid": account.appid, "version": 999,
           "user_name": account.original_id, "nick_name": "", "kind": "service", "verified": True,
           "state": "authorized", "func_ids": [], "channel": "test", "repliers": [], "ref": None,
           "updated_at": "2025-01-01T00:00:00.000Z"}
    bench.produce("accounts", f"{bench.component}/{account.appid}", row)
    bench.put_account()                 # once it is known, the row before it has been read
    answer, _ = said(bench, bench.message(account), ("a", "empty"))
    assert answer.body == b""


# --- Weixin's retry ------------------------------------------------------------------------------------------

@pytest.mark.parametrize("json_form", [False, True], ids=["XML", "JSON"])
def test_a_retry_gets_the_same_answer_on_every_ingress_and_is_not_published_again(bench, json_form):
    message = bench.message(bench.put_account(["a", "b"]), json_form=json_form)
    first, push = said(bench, message, ("a", "none"), ("b", "reply", "B"))
    original = message.open_reply(first, push)
    bench.wait_heard(message, SECOND)
    for instance in (FIRST, SECOND, SECOND):
        retry = message.push()          # another timestamp, nonce and ciphertext
        answer = bench.send(retry, instance)
        opened = message.open_reply(answer, retry)
        assert {**opened, "CreateTime": 0} == {**original, "CreateTime": 0}
        assert soon(answer)
    assert bench.published(message) == 1


@pytest.mark.parametrize("verdict, body", [("empty", b""), ("none", b"success")])
def test_a_retry_gets_empty_or_success_again(bench, verdict, body):
    message = bench.message(bench.put_account(["a"], **CUSTOMER_SERVICE))
    first, _ = said(bench, message, ("a", verdict))
    bench.wait_heard(message, SECOND)
    assert [answer.body for answer in (first, bench.send(message, FIRST), bench.send(message, SECOND))] == [body] * 3
    assert bench.published(message) == 1


def test_a_retry_beside_the_first_try_waits_with_it_and_both_are_answered(bench):
    message = bench.message(bench.put_account(["a"]))
    pushes = [message.push() for _ in range(3)]
    futures = [bench.send_async(push) for push in pushes]
    bench.wait_published(message)
    bench.wait_metric("waiting", 3)
    bench.verdict(message, "a", "reply", "one answer")
    for push, future in zip(pushes, futures):
        assert message.open_reply(future.result(), push)["Content"] == "one answer"
    assert bench.published(message) == 1
    assert [verdict["verdict"] for verdict in bench.verdicts_of(message)].count("chosen") == 1


def test_a_late_reply_is_written_back_once_and_the_retry_gets_success(bench):
    message = bench.message(bench.put_account(["late-a", "late-b"], **CUSTOMER_SERVICE))
    answer, _ = said(bench, message)
    assert answer.success and at_the_limit(answer)
    assert bench.wait_verdict(message, "chosen")["group"] is None
    bench.verdict(message, "late-b", "reply", "from b, late")
    bench.verdict(message, "late-a", "reply", "later still")
    late = bench.wait_verdict(message, "late")
    assert late == {"event_id": message.event_id, "group": "late-b", "verdict": "late",
                    "reply": {"MsgType": "text", "Content": "from b, late"}}
    bench.wait_heard(message, SECOND)
    for instance in (FIRST, SECOND):
        retry = bench.send(message, instance)
        assert retry.success and soon(retry)
    assert bench.published(message) == 1
    assert [verdict["verdict"] for verdict in bench.verdicts_of(message)].count("late") == 1


@pytest.mark.parametrize("retry_at", [FIRST, SECOND])
def test_where_no_message_can_be_sent_later_a_retry_waits_anew_and_gets_the_late_reply(bench, retry_at):
    message = bench.message(bench.put_account([f"slow-{retry_at}"]))
    answer, _ = said(bench, message)
    assert answer.success and at_the_limit(answer)
    bench.wait_heard(message, retry_at)
    retry = message.push()
    future = bench.send_async(retry, retry_at)
    bench.wait_metric("replying", 1, retry_at)
    bench.verdict(message, f"slow-{retry_at}", "reply", "at last")
    assert message.open_reply(future.result(), retry)["Content"] == "at last"
    assert soon(future.result())
    assert bench.published(message) == 1
    assert "late" not in [verdict["verdict"] for verdict in bench.verdicts_of(message)]


def test_a_reply_after_another_outcome_is_dropped(bench):
    message = bench.message(bench.put_account(["a", "b"], **CUSTOMER_SERVICE))
    answer, push = said(bench, message, ("a", "reply", "A"))
    bench.verdict(message, "b", "reply", "B")
    bench.wait_heard(message, FIRST, "reply")
    retry = message.push()
    assert message.open_reply(answer, push)["Content"] == "A"
    assert message.open_reply(bench.send(retry), retry)["Content"] == "A"
    assert "late" not in [verdict["verdict"] for verdict in bench.verdicts_of(message)]


def test_after_an_ingress_dies_waiting_the_retry_is_answered_elsewhere_and_not_published_again(bench):
    message = bench.message(bench.put_account(["a", "b"]))
    abandoned = bench.send_async(message.push(), SECOND)
    bench.wait_published(message)
    bench.verdict(message, "a", "none")
    bench.kill(SECOND)
    assert abandoned.exception() is not None
    bench.verdict(message, "b", "reply", "by the rule")
    bench.wait_heard(message, FIRST, "reply")
    retry = message.push()
    assert message.open_reply(bench.send(retry, FIRST), retry)["Content"] == "by the rule"

    bench.start(SECOND)                 # reads `replies` from 20 s back before it is ready
    again = message.push()
    assert message.open_reply(bench.send(again, SECOND), again)["Content"] == "by the rule"
    assert bench.published(message) == 1


# --- repliers that are away ----------------------------------------------------------------------------------

def percentile_99(seconds):
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]


class Fans:
    """A few fans of one account that write all the time; every one of them must get his reply."""

    def __init__(self, bench, account, threads=3):
        self.seconds, self.faults = [], []
        self._ending = threading.Event()
        self._bench, self._account = bench, account
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def _run(self):
        while not self._ending.wait(0.01):
            message = self._bench.message(self._account)
            push = message.push()
            try:
                answer = self._bench.send(push)
                assert message.open_reply(answer, push)["Content"] == "live"
                self.seconds.append(answer.seconds)
            except (AssertionError, KeyError, OSError) as error:
                self.faults.append(repr(error))


def test_a_dead_replier_is_passed_over_after_five_misses_slows_nobody_else_and_comes_back(bench, record_property):
    victim, other = bench.put_account(["dead", "live"]), bench.put_account(["live"])
    appids = (victim.appid, other.appid)
    with Repliers(bench, lambda record: [("live", "reply", "live")] if record.headers["ce_appid"] in appids else []):
        with Fans(bench, other) as before:
            time.sleep(4)
        with Fans(bench, other) as during:
            pushes = []
            for _ in range(5):
                message = bench.message(victim)
                push = message.push()
                pushes.append((message, push, bench.send_async(push)))
            for message, push, future in pushes:
                assert at_the_limit(future.result())
                assert message.open_reply(future.result(), push)["Content"] == "live"
            bench.wait_metric("groups_passed_over", 1)
            after = []
            for _ in range(20):
                message = bench.message(victim)
                push = message.push()
                answer = bench.send(push)
                assert message.open_reply(answer, push)["Content"] == "live"
                after.append(answer.seconds)
        figures = {"p99 of others before": percentile_99(before.seconds),
                   "p99 of others meanwhile": percentile_99(during.seconds),
                   "p99 of its own accounts, passed over": percentile_99(after)}
        for name, seconds in figures.items():
            record_property(name, f"{seconds:.4f} s")
            print(f"{name}: {seconds * 1000:.1f} ms")
        print(f"{len(before.seconds)} pushes before, {len(during.seconds)} meanwhile")
        assert not before.faults + during.faults
        assert percentile_99(during.seconds) <= 2 * percentile_99(before.seconds) + margin(0.02)
        assert max(after) < margin(0.5)
        assert bench.metric("verdicts_missed_total") >= 5
        record = bench.reader().by_id(message.event_id)
        assert record.headers["ce_repliers"] == "dead,live"        # passed over, and named all the same

        bench.verdict(message, "dead", "none")                      # it speaks: it is alive
        wait_until(lambda: bench.metric("groups_passed_over") == 0, 5, "dead is waited for again")
        message = bench.message(victim)
        push = message.push()
        future = bench.send_async(push)
        bench.wait_published(message)
        time.sleep(0.3)
        assert not future.done()
        bench.verdict(message, "dead", "reply", "back again")
        assert message.open_reply(future.result(), push)["Content"] == "back again"


def test_places_are_bounded_for_a_group_and_for_all_replies(bench):
    """16 may wait: 12 of them for replies, 4 for one group and channel; whoever finds no place has `success` as soon
    as his push is on the topic."""
    bench.start("small", {"WXBUS_WAITERS": 16, "WXBUS_HTTP_THREADS": 64})
    accounts = {group: bench.put_account([group]) for group in ("p1", "p2", "p3", "p4")}
    full = [bench.send_async(bench.message(accounts["p1"]), "small") for _ in range(4)]
    bench.wait_metric("replying", 4, "small")
    over = [bench.send_async(bench.message(accounts["p1"]), "small") for _ in range(4)]
    assert all(future.result().success and soon(future.result()) for future in over)
    for group in ("p2", "p3"):
        full += [bench.send_async(bench.message(accounts[group]), "small") for _ in range(4)]
    bench.wait_metric("replying", 12, "small")
    messages = [bench.message(accounts["p4"]) for _ in range(4)]
    answers = [bench.send(message, "small") for message in messages]
    assert all(answer.success and soon(answer) for answer in answers)
    assert all(bench.published(message) == 1 for message in messages)
    assert all(future.result().success and at_the_limit(future.result()) for future in full)
    bench.finish("small")


def test_sigterm_while_replies_are_awaited_answers_each_push_and_ends_with_0(bench):
    service = bench.start("ending")
    account = bench.put_account(["nobody"], **CUSTOMER_SERVICE)
    answered = bench.message(account)
    push = answered.push()
    future = bench.send_async(push, "ending")
    waiting = [bench.message(account) for _ in range(10)]
    futures = [bench.send_async(message, "ending") for message in waiting]
    bench.wait_metric("replying", 11, "ending")
    service.send(signal.SIGTERM)
    bench.wait_published(answered)
    bench.verdict(answered, "nobody", "reply", "in the last moment")
    assert answered.open_reply(future.result(), push)["Content"] == "in the last moment"
    assert soon(future.result())
    for one in futures:
        assert one.result().success and at_the_limit(one.result())
    bench.finish("ending", asked_before=True)           # status 0
    for message in waiting:
        assert bench.wait_verdict(message, "chosen")["group"] is None
