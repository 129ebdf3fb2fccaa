"""wxbus-auto-reply: rules of accounts answer fans, a change acts at once, a mistake is refused with its place."""

import contextlib
import json
import subprocess
import time

import psycopg2
import pytest

from wxbus_testing.timing import margin
from wxbus_testing.whole import Whole, new_openid
from wxbusdev import paths
from wxbusdev.child import wait_until
from wxbusdev.service import program_environment

BUSINESS = "wxbus-auto-reply"
RULES = {"rules": [
    {"name": "spring", "on": "subscribe", "scenes": ["spring-*"], "reply": {"MsgType": "text", "Content": "spring!"}},
    {"name": "welcome", "on": "subscribe", "reply": {"MsgType": "text", "Content": "welcome"},
     "follow_ups": [{"MsgType": "text", "Content": "first"}, {"MsgType": "text", "Content": "second"}]},
    {"name": "scan", "on": "scan", "scenes": ["desk"], "reply": {"MsgType": "text", "Content": "at the desk"}},
    {"name": "price", "on": "keyword", "contains": ["价格"], "reply": {"MsgType": "text", "Content": "99 元"}},
    {"name": "order", "on": "keyword", "regex": ["^order \\d+$"],
     "reply": {"MsgType": "news", "Articles": [{"Title": "Your order", "Url": "https://example.com/o"}]}},
    {"name": "endless", "on": "keyword", "regex": ["^(a+)+$"], "priority": 9,
     "reply": {"MsgType": "text", "Content": "never"}},
    {"name": "help", "on": "menu", "keys": ["HELP"], "reply": {"MsgType": "news", "Articles": [
        {"Title": f"Help {n}", "Url": "https://example.com/h"} for n in range(3)]}},
    {"name": "where", "on": "location", "reply": {"MsgType": "text", "Content": "we are near"}},
    {"name": "picture", "on": "media", "types": ["image"],
     "reply": {"MsgType": "image", "Image": {"MediaId": "media-1"}}},
    {"name": "rest", "on": "default", "reply": {"MsgType": "transfer_customer_service"}},
]}


def test_handlers_and_tables_on_a_real_postgresql(postgres):
    """Their unit tests, which are skipped where there is none."""
    answer = subprocess.run([paths.build_dir() / "test" / "auto_reply_test"], env=program_environment(
        {"WXBUS_TEST_DATABASE_URL": postgres.create_database("auto_reply_test")}), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False)
    assert answer.returncode == 0, answer.stdout
    assert "SKIPPED" not in answer.stdout


@pytest.fixture(scope="module")
def whole(new_deployment):
    """With two replicas: a change must act on both."""
    whole = Whole(new_deployment())
    whole.deployment.start(BUSINESS)
    whole.deployment.start_one(BUSINESS, BUSINESS + "-2")
    return whole


@pytest.fixture
def rules_file(tmp_path):
    def write(rules):
        path = tmp_path / "rules.json"
        path.write_text(rules if isinstance(rules, str) else json.dumps(rules, ensure_ascii=False, indent=1))
        return str(path)
    return write


@pytest.fixture(scope="module")
def account(whole):
    """An account that auto-reply answers."""
    appid, _ = whole.new_account()
    whole.authorize(appid)
    whole.set_repliers(appid, ["auto-reply"])
    return appid


def set_rules(whole, appid, path):
    whole.deployment.command("rules", "set", whole.component, appid, path)


def says(whole, appid, fan, **fields):
    """What Weixin gets for a push: the reply's fields; None for `success`."""
    pushed = whole.sim.push_message(whole.component, appid, fan, fields)
    assert pushed["answer"] in ("reply", "success"), pushed
    return pushed["reply"]


def says_to_text(whole, appid, text, fan=None):
    reply = says(whole, appid, fan or new_openid(), MsgType="text", Content=text)
    return reply and reply.get("Content", reply["MsgType"])


def event(name, key=""):
    return {"MsgType": "event", "Event": name, "EventKey": key}


def in_force(whole, appid, path):
    set_rules(whole, appid, path)
    wait_until(lambda: says_to_text(whole, appid, "?") == "transfer_customer_service", margin(5), "the rules")


def test_each_thing_that_a_fan_does_is_answered_by_its_rule(whole, account, rules_file):
    in_force(whole, account, rules_file(RULES))
    assert says_to_text(whole, account, "请问价格?") == "99 元"
    assert says_to_text(whole, account, "ORDER 17") == "news"
    assert says(whole, account, new_openid(), **event("subscribe", "qrscene_spring-7"))["Content"] == "spring!"
    assert says(whole, account, new_openid(), **event("SCAN", "desk"))["Content"] == "at the desk"
    assert says(whole, account, new_openid(), **event("SCAN", "elsewhere")) is None
    help_ = says(whole, account, new_openid(), **event("CLICK", "HELP"))
    assert [item["Title"] for item in help_["Articles"]["item"]] == ["Help 0", "Help 1", "Help 2"]
    assert says(whole, account, new_openid(), **event("VIEW", "https://example.com")) is None
    assert says(whole, account, new_openid(), MsgType="location", Location_X="23.1", Location_Y="113.3",
                Scale="15", Label="x")["Content"] == "we are near"
    assert says(whole, account, new_openid(), MsgType="image", PicUrl="https://p", MediaId="m")["Image"] == {
        "MediaId": "media-1"}
    assert says(whole, account, new_openid(), MsgType="voice", MediaId="m",
                Format="amr")["MsgType"] == "transfer_customer_service"

    fan = new_openid()
    assert says(whole, account, fan, **event("subscribe"))["Content"] == "welcome"
    whole.wait_sent_to(account, fan, "second", 20)
    assert whole.sent_to(account, fan) == ["first", "second"]


def test_an_expression_that_would_take_for_ever_stops_nobody(whole, account, rules_file):
    in_force(whole, account, rules_file(RULES))
    began = time.monotonic()
    for _ in range(5):
        assert says_to_text(whole, account, "a" * 600 + "!") == "transfer_customer_service"
    assert time.monotonic() - began < margin(15)
    given_up = sum(whole.deployment.service(instance).metric("wxbus_auto_reply_regex_given_up_total")
                   for instance in (BUSINESS, BUSINESS + "-2"))
    assert given_up >= 5


def changes_seen(whole):
    return [whole.deployment.service(instance).metric("wxbus_auto_reply_sets_read_total", result="read")
            for instance in (BUSINESS, BUSINESS + "-2")]


def test_a_change_is_in_force_within_a_second_on_every_replica(whole, account, rules_file):
    in_force(whole, account, rules_file(RULES))
    took = []
    for n in range(5):
        before = changes_seen(whole)
        path = rules_file({"rules": [{"name": "all", "on": "default", "reply": {"MsgType": "text", "Content": f"v{n}"}}]})
        set_rules(whole, account, path)
        began = time.monotonic()
        wait_until(lambda: all(now > then for now, then in zip(changes_seen(whole), before)), margin(10), "the change", 0.01)
        took.append(time.monotonic() - began)
        fans = [new_openid() for _ in range(6)]     # of either replica's partitions
        assert {says_to_text(whole, account, "?", fan) for fan in fans} == {f"v{n}"}
    print(f"a change was in force after {', '.join(f'{1000 * t:.0f}' for t in took)} ms")
    assert sorted(took)[len(took) // 2] < margin(1)


def test_a_change_acts_without_the_word_of_it_and_after_lost_connections(whole, account, rules_file):
    """What the notification is for is done by asking as well; and a new connection listens again."""
    in_force(whole, account, rules_file(RULES))
    with contextlib.closing(psycopg2.connect(whole.deployment.database_url)) as database:
        database.autocommit = True
        with database.cursor() as cursor:
            cursor.execute("UPDATE auto_reply.rule_sets SET rules = %s, version = nextval('auto_reply.rule_set_versions')"
                           " WHERE appid = %s", (json.dumps({"rules": [
                               {"name": "quiet", "on": "default", "reply": {"MsgType": "text", "Content": "quiet"}}]}),
                               account))
            wait_until(lambda: says_to_text(whole, account, "?") == "quiet", margin(5), "a change without notification")
            cursor.execute("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                           " WHERE usename = 'wxbus_auto_reply'")
            assert cursor.fetchone()[0] >= 2
    assert says_to_text(whole, account, "?") == "quiet"     # as last read
    in_force(whole, account, rules_file(RULES))


def test_the_release_under_test_has_rules_of_its_own(whole, account, rules_file):
    in_force(whole, account, rules_file(RULES))
    trial = {"WXBUS_CHANNEL": "test"}
    path = rules_file({"rules": [{"name": "trial", "on": "default", "reply": {"MsgType": "text", "Content": "trial"}}]})
    whole.deployment.command("rules", "set", whole.component, account, path, settings=trial)
    answer = json.loads(whole.deployment.command("rules", "test", "--json", whole.component, account, "x",
                                                 settings=trial).stdout)
    assert answer["rule"] == "trial"
    answer = json.loads(whole.deployment.command("rules", "test", "--json", whole.component, account, "x").stdout)
    assert answer["rule"] == "rest"


def test_a_mistake_is_refused_with_its_place_and_changes_nothing(whole, account, rules_file):
    in_force(whole, account, rules_file(RULES))
    mistakes = {
        '{"rules": [\n {"name": "a", "on": "keyword", "regex": ["ok", "("],\n  "reply": {"MsgType": "text", "Content": "x"}}]}':
            "line 2, column 49, rules[0].regex[1]: not a regular expression",
        '{"rules": [\n {"name": "a" "on": 1}]}': "line 2, column 15: a comma",
        '{"rules": [\n\n {"name": "a", "on": "default", "replies": {}}]}': "line 3, column 44, rules[0].replies: is not known",
    }
    for text, says_why in mistakes.items():
        answer = whole.deployment.command("rules", "set", whole.component, account, rules_file(text), check=False)
        assert answer.returncode == 1 and says_why in answer.stderr, answer.stderr
    assert says_to_text(whole, account, "价格") == "99 元"


def test_a_fan_is_answered_only_so_often_within_an_hour(whole, account, rules_file):
    in_force(whole, account, rules_file({**RULES, "answers_per_hour": 3}))
    fan, other = new_openid(), new_openid()
    assert [says_to_text(whole, account, "价格", fan) for _ in range(5)] == ["99 元"] * 3 + [None] * 2
    assert says_to_text(whole, account, "价格", other) == "99 元"
    # The same event once more is the same answer.
    pushed = whole.sim.push_text(whole.component, account, other, "价格", msg_id="77000000000000001")
    again = whole.sim.push_text(whole.component, account, other, "价格", msg_id="77000000000000001",
                                create_time=int(time.time()))
    assert pushed["reply"]["Content"] == again["reply"]["Content"] == "99 元"
    assert says_to_text(whole, account, "价格", other) == "99 元"
    assert says_to_text(whole, account, "价格", other) is None


def test_rules_are_listed_exported_imported_and_asked(whole, account, rules_file, tmp_path):
    in_force(whole, account, rules_file(RULES))
    command = whole.deployment.command
    listed = json.loads(command("rules", "list", "--account", account, "--json").stdout)
    assert (listed["appid"], listed["rules"]) == (account, len(RULES["rules"])) and listed["changed_by"]
    assert account in command("rules", "list").stdout

    line = command("rules", "export", "--account", account).stdout
    exported = json.loads(line)
    assert exported == {"component_appid": whole.component, "appid": account, "set": RULES}
    many = [{**exported, "appid": f"wximported{n:08d}"} for n in range(250)]
    path = tmp_path / "many.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in many))
    assert command("rules", "import", str(path)).stdout == f"250 accounts, {250 * len(RULES['rules'])} rules\n"
    assert len(command("rules", "export").stdout.splitlines()) == 251

    many[7]["set"] = {"rules": [{"name": "a", "on": "menu", "reply": {"MsgType": "text", "Content": "x"}}]}
    path.write_text("".join(json.dumps({**one, "appid": one["appid"] + "x"}) + "\n" for one in many))
    answer = command("rules", "import", str(path), check=False)
    assert answer.returncode == 1 and "line 8, column" in answer.stderr and "set.rules[0].keys" in answer.stderr
    assert len(command("rules", "export").stdout.splitlines()) == 251

    told = command("rules", "test", whole.component, account, "请问价格").stdout
    assert "price answers" in told and 'hit: contains "价格"' in told and "passed over" not in told
    told = json.loads(command("rules", "test", "--json", whole.component, account, "--menu", "HELP").stdout)
    assert told["rule"] == "help" and told["asked"][-1]["why"] == 'is "HELP"'

    command("rules", "set", whole.component, account, "none")
    wait_until(lambda: says_to_text(whole, account, "?") is None, margin(5), "no rules")
    answer = command("rules", "test", whole.component, account, "?", check=False)
    assert answer.returncode == 1 and "has no rules" in answer.stderr
