"""`wxbus events`: what came in, followed, looked up and counted, without showing whom it was about."""

import datetime
import json
import secrets
import subprocess
import time

import pytest

from wxbus_testing import topics
from wxbus_testing.events import Events
from wxbus_testing.timing import margin
from wxbusdev import paths
from wxbusdev.child import wait_until
from wxbusdev.kafka import EmbeddedBroker
from wxbusdev.service import program_environment

OPENID = "oMgHVjngRipVsoxg6TuX3vz6glDg"
SECRET = "我的电话 13800000000"


def rfc3339(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).isoformat()


def write(deployment, topic, ce_type, appid, fields, age_s=0, openid=None):
    """One event, received so long ago; its id."""
    event_id, at = secrets.token_hex(16), time.time() - age_s
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(at))
    component = deployment.platform.component_appid
    headers = {"ce_specversion": "1.0", "ce_id": event_id, "ce_type": ce_type, "ce_time": stamp, "ce_receivedtime": stamp,
               "ce_source": f"/platforms/{component}/accounts/{appid}", "ce_componentappid": component, "ce_appid": appid}
    if openid:
        headers["ce_subject"] = openid
    topics.produce(deployment.kafka.bootstrap_servers, deployment.topic(topic), json.dumps(fields).encode(),
                   f"{appid}/{openid or ''}", list(headers.items()), int(at * 1000))
    return event_id


@pytest.fixture(scope="module")
def deployment(new_deployment):
    return new_deployment()


@pytest.fixture(scope="module")
def written(deployment):
    """Ids of events of one account, by what they are."""
    text = {"ToUserName": "gh_1", "FromUserName": OPENID, "CreateTime": 1, "MsgType": "text", "Content": SECRET, "MsgId": "7"}
    click = {"ToUserName": "gh_1", "FromUserName": OPENID, "CreateTime": 1, "MsgType": "event", "Event": "CLICK",
             "EventKey": "HELP"}
    ids = {
        "old": write(deployment, "messages", "weixin.message.text", "wxone", text, 7200, OPENID),
        "click": write(deployment, "messages", "weixin.event.click", "wxone", click, 600, OPENID),
        "text": write(deployment, "messages", "weixin.message.text", "wxone", text, 60, OPENID),
        "other": write(deployment, "messages", "weixin.message.text", "wxtwo", text, 50, "oOther"),
        "test": write(deployment, "messages.test", "weixin.message.text", "wxone", text, 40, OPENID),
        "notice": write(deployment, "platform-notices", "weixin.platform.authorized", "wxone", {"InfoType": "authorized",
                        "AuthorizerAppid": "wxone", "added": [1, 2], "info": {"legal_persona_name": "张三"}}, 30),
        "sealed": write(deployment, "platform-events", "weixin.platform.component_verify_ticket", "",
                        {"never": "shown"}, 20),
    }
    topics.produce(deployment.kafka.bootstrap_servers, deployment.topic("messages"), b"no event", "k")
    return ids


def search(deployment, *arguments, **options):
    answer = deployment.command("events", "search", "--json", *arguments, **options)
    assert SECRET not in answer.stdout and OPENID not in answer.stdout or "--reveal" in arguments
    return [json.loads(line) for line in answer.stdout.splitlines()]


def found(deployment, *arguments):
    return [event["id"] for event in search(deployment, *arguments)]


def test_events_are_found_by_account_type_fan_and_time_in_their_order(deployment, written):
    names = {event_id: name for name, event_id in written.items()}

    def names_of(*arguments):
        return [names[event_id] for event_id in found(deployment, *arguments)]

    assert names_of() == ["old", "click", "text", "other"]
    assert names_of("--account", "wxone") == ["old", "click", "text"]
    assert names_of("--component", "wxnobody") == []
    assert names_of("--type", "weixin.event.*") == ["click"]
    assert names_of("--openid", OPENID, "--since", "30m") == ["click", "text"]
    assert names_of("--since", "3h", "--until", rfc3339(time.time() - 3600)) == ["old"]
    assert names_of("--until", "1h") == ["old"]
    assert names_of("--topic", "messages,messages.test,platform-notices", "--since", "5m", "--account", "wxone") == [
        "text", "test", "notice"]
    answer = deployment.command("events", "search", "--limit", "2", "--json")
    assert len(answer.stdout.splitlines()) == 2 and "stopped at 2" in answer.stderr
    answer = deployment.command("events", "search", "--json")
    assert "1 records are no events" in answer.stderr and "look-up" not in answer.stderr


def test_personal_fields_are_hidden_unless_asked_for(deployment, written):
    event, = search(deployment, "--type", "weixin.event.click")
    assert event["openid"] == "***glDg" and event["fields"]["EventKey"] == "HELP"
    assert event["fields"]["FromUserName"] == f"*** ({len(OPENID)})"
    text = next(event for event in search(deployment) if event["id"] == written["text"])
    assert text["fields"]["Content"] == f"*** ({len(SECRET)})"
    notice, = search(deployment, "--topic", "platform-notices")
    assert notice["fields"]["added"] == [1, 2] and notice["fields"]["info"] == {"legal_persona_name": "*** (2)"}
    sealed, = search(deployment, "--topic", "platform-events", "--reveal")
    assert sealed["id"] == written["sealed"] and "fields" not in sealed

    revealed = next(event for event in search(deployment, "--reveal") if event["id"] == written["text"])
    assert (revealed["openid"], revealed["fields"]["Content"]) == (OPENID, SECRET)

    table = deployment.command("events", "search", "--account", "wxone").stdout
    lines = table.splitlines()
    column = lines[0].index("ID ")
    assert all(line[column:column + 32] in written.values() for line in lines[1:]) and len(lines) == 4
    assert SECRET not in table and OPENID not in table and 'EventKey="HELP"' in table
    assert SECRET in deployment.command("events", "search", "--reveal").stdout


def test_events_are_counted(deployment, written):
    def counts(*arguments):
        lines = deployment.command("events", "count", "--json", *arguments).stdout.splitlines()
        return [tuple(json.loads(line).values()) for line in lines]

    assert counts() == [("weixin.message.text", 3), ("weixin.event.click", 1)]
    assert counts("--by", "account", "--since", "1h") == [("wxone", 2), ("wxtwo", 1)]
    assert sum(number for _, number in counts("--by", "hour")) == 4
    assert "           4  in all" in deployment.command("events", "count").stdout


def test_tail_shows_what_comes_from_now_on(deployment, written):
    environment = program_environment(deployment.environment("wxbus"))
    with subprocess.Popen([str(paths.binary("wxbus")), "events", "tail", "--json", "--account", "wxtail", "--limit", "3"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, env=environment) as tail:
        events, ids = Events(deployment, ["desk"]), []

        def one_more():                 # until it reads: what came before is not shown
            ids.append(events.text("wxtail", "oTail", "x"))
            events.text("wxother", "oTail", "x")
            events.flush()
            return tail.poll() is not None

        wait_until(one_more, margin(20), "the end of tail", 0.2)
        shown = [json.loads(line)["id"] for line in tail.stdout]
    assert tail.returncode == 0 and len(shown) == 3 and shown == [event_id for event_id in ids if event_id in shown]


def test_a_broker_without_look_up_by_time_is_read_from_its_beginning(new_deployment, logs):
    broker = EmbeddedBroker(logs / "events-broker.log")
    broker.start()
    try:
        deployment = new_deployment(broker=broker, topic_prefix="wx.")
        text = {"MsgType": "text", "Content": "x"}
        write(deployment, "messages", "weixin.message.text", "wxone", text, 7200, OPENID)
        recent = write(deployment, "messages", "weixin.message.text", "wxone", text, 60, OPENID)
        answer = deployment.command("events", "search", "--json", "--since", "1h")
        assert [json.loads(line)["id"] for line in answer.stdout.splitlines()] == [recent]
        assert "no look-up by time: wx.messages is read from its beginning" in answer.stderr
    finally:
        broker.close()


def test_a_wrong_command_line_is_told(deployment):
    for arguments, says in ((["--topic", "accounts"], "--topic knows"), (["--since", "yesterday"], "--since takes a time"),
                            (["--since", "1h", "--until", "2h"], "--until is not after"), (["x"], "one word too many")):
        answer = deployment.command("events", "search", *arguments, check=False)
        assert answer.returncode == 2 and says in answer.stderr
