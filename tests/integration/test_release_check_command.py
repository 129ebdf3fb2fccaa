"""`wxbus release-check` against a right platform, a wxbus of ours, and platforms each of which is wrong in one way."""

import json
import subprocess
import time

import pytest

from test_weixin_sim import COMPONENT, KEY, SECRET, TOKEN, Receiver, Weixin, answer_release_check
from wxbus_testing.timing import FACTOR
from wxbusdev import paths
from wxbusdev.child import free_port

LIMIT_MS = 700 * FACTOR


class Platform:
    """Somebody else's platform, in Python: `spoil` makes it wrong."""

    api = Weixin.api

    def __init__(self, receiver, folder):
        self.receiver = receiver
        self.api_port = free_port()
        self.file, self.file_with_secret = folder / "platforms-ingress.json", folder / "platforms.json"
        row = {"component_appid": COMPONENT, "keys": [{"token": TOKEN, "encoding_aes_key": KEY}]}
        self.file.write_text(json.dumps({"platforms": [row]}))
        self.file_with_secret.write_text(json.dumps({"platforms": [{**row, "app_secret": SECRET}]}))

        self.spoil_text = None

    def send_text(self, token, text, touser):
        return Weixin.send_text(self, token, self.spoil_text(text) if self.spoil_text else text, touser)

    def check(self, *options, spoil=None, api=True, status=0):
        """The report; without `api` its calls go elsewhere."""
        self.receiver.answer = answer_release_check(self, self.receiver, spoil)
        api_options = ["--api-listen", f"127.0.0.1:{self.api_port}", "--new-ticket"] if api else []
        done = run(self.file_with_secret if api else self.file,
                   "--event-url", f"{self.receiver.url}/event", "--message-url", f"{self.receiver.url}/account/$APPID$/message",
                   "--i-accept-a-fake-ticket", "--timeout-ms", LIMIT_MS, "--api-limit-ms", LIMIT_MS, *api_options, "--json", *options)
        assert done.returncode == status, done.stdout + done.stderr
        return json.loads(done.stdout)


def run(platforms_file, *options):
    return subprocess.run([str(paths.binary("wxbus")), "release-check", "--platform", COMPONENT, *map(str, options)],
                          env={"WXBUS_PLATFORMS_FILE": str(platforms_file), "PATH": "/usr/bin"},
                          capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def platform(tmp_path_factory):
    receiver = Receiver()
    yield Platform(receiver, tmp_path_factory.mktemp("release-check"))
    receiver.close()


def items(report):
    return [item for group in report["groups"] for item in group["items"]]


def test_a_right_platform_passes_in_all_five_groups(platform):
    report = platform.check()
    assert report["ok"] and (report["passed"], report["failed"], report["not_testable"]) == (41, 0, 0)
    assert [group["group"] for group in report["groups"]] == [1, 2, 3, 4, 5]
    text = next(item for item in items(report) if item["item"] == "text")
    assert "TESTCOMPONENT_MSG_TYPE_TEXT" in text["sent"] and "<Encrypt>" in text["body"] and text["status"] == 200


def test_without_its_calls_the_api_steps_are_not_testable(platform):
    report = platform.check("--group", 2, api=False, spoil=lambda push, right: (
        (200, b"") if push["fields"].get("Content", "").startswith("QUERY") else
        (200, b"success") if push["fields"].get("InfoType") else right(push)))
    assert report["ok"] and (report["passed"], report["not_testable"]) == (7, 2)
    assert {item["item"] for item in items(report) if not item["testable"]} == {"api_text"}
    assert platform.receiver.pushes[-9]["fields"]["CreateTime"] == "1"      # the ticket: older than any real one


# --- what can be wrong -----------------------------------------------------------------------------------------

def content(push):
    return push["fields"].get("Content", "")


def is_text(push):
    return content(push) == "TESTCOMPONENT_MSG_TYPE_TEXT"


def on_platform_events(answer):
    """Wrong answers on the authorization-event URL alone."""
    return lambda platform: lambda push, right: (right(push)[0], answer) if "InfoType" in push["fields"] else right(push)


def on_text(answer):
    """answer(receiver, push): the wrong answer to the text."""
    return lambda platform: lambda push, right: answer(platform.receiver, push) if is_text(push) else right(push)


def late(platform):
    def answer(push, right):
        if is_text(push):
            time.sleep(2 * LIMIT_MS / 1000)
        return right(push)
    return answer


def only_group_1(platform):
    return lambda push, right: right(push) if "InfoType" in push["fields"] or push["fields"]["ToUserName"] in (
        "gh_3c884a361561", "gh_8dad206e9538") else (200, b"success")


def cut_code(platform):
    """The code without what stands before @@@."""
    platform.spoil_text = lambda text: text.split("@@@")[1]
    return lambda push, right: right(push)


EVENT_ITEMS = {"ticket", "authorized", "unauthorized"}
SABOTAGES = {
    "a byte-order mark": (on_platform_events(b"\xef\xbb\xbfsuccess"), EVENT_ITEMS, "byte-order mark"),
    "a line end": (on_platform_events(b"success\r\n"), EVENT_ITEMS, "line end"),
    "JSON": (on_platform_events(b'{"errcode":0}'), EVENT_ITEMS, "is JSON"),
    "an unencrypted reply": (on_text(lambda receiver, push: (200, push["xml"].encode())), {"text"}, "sent in plain"),
    "another nonce": (on_text(lambda receiver, push: (200, receiver.reply(
        push, content(push) + "_callback", nonce="1"))), {"text"}, "nonce of the push"),
    "the account's appid": (on_text(lambda receiver, push: (200, receiver.reply(
        push, content(push) + "_callback", tail="wx570bc396a51b8ff8"))), {"text"}, "account's appid"),
    "a wrong text": (on_text(lambda receiver, push: (200, receiver.reply(push, content(push)))), {"text"},
                     "something else"),
    "an unknown text": (on_text(lambda receiver, push: (200, b"success")), {"text"}, "does not know"),
    "a login": (on_text(lambda receiver, push: (403, b"")), {"text"}, "CSRF"),
    "a late reply": (late, {"text"}, "too late"),
    "success to the code": (lambda platform: lambda push, right: (
        (200, b"success") if content(push).startswith("QUERY") else right(push)), {"api_text"}, "with success"),
    "a code that is cut": (cut_code, {"api_text"}, "code is cut"),
    "no message": (lambda platform: lambda push, right: (
        (200, b"") if content(push).startswith("QUERY") else right(push)), {"api_text"}, "no call at all"),
}


@pytest.mark.parametrize("name", SABOTAGES)
def test_a_sabotaged_platform_fails_with_the_right_advice(platform, name):
    spoil, failing, advice = SABOTAGES[name]
    try:
        report = platform.check("--group", 1, spoil=spoil(platform), status=1)
    finally:
        platform.spoil_text = None
    failed = [item for item in items(report) if not item["ok"]]
    assert not report["ok"] and {item["item"] for item in failed} == failing, failed
    assert advice in failed[0]["advice"][0]["cause"] and failed[0]["advice"][0]["change"], failed[0]


def test_a_platform_that_knows_group_1_alone_is_told_so(platform):
    report = platform.check(spoil=only_group_1(platform), status=1)
    failed = [item for item in items(report) if not item["ok"]]
    assert len(failed) == 4 * 4 and all("group 1 passes" in item["advice"][0]["cause"] for item in failed)
    assert all(item["ok"] for item in report["groups"][0]["items"])


# --- the command -----------------------------------------------------------------------------------------------

def test_the_table_says_what_to_change(platform):
    platform.receiver.answer = lambda push: (403, b"")
    done = run(platform.file, "--event-url", f"{platform.receiver.url}/event", "--message-url",
               f"{platform.receiver.url}/$APPID$", "--i-accept-a-fake-ticket", "--group", 3)
    assert done.returncode == 1
    assert "FAILED" in done.stdout and "got    403 refused" in done.stdout and "CSRF" in done.stdout
    assert "wx8e1097c5bc82cde9" in done.stdout and done.stdout.splitlines()[-1].startswith("0 passed, 9 failed")


@pytest.mark.parametrize("options,says", [
    (["--event-url", "http://127.0.0.1:1/a", "--message-url", "http://127.0.0.1:1/b"], "fake-ticket"),
    (["--url", "http://127.0.0.1:1", "--new-ticket"], "--api-listen"), (["--group", "6"], "--group"), ([], "--url")])
def test_what_could_do_harm_or_makes_no_sense_is_refused(platform, options, says):
    done = run(platform.file, *options)
    assert done.returncode == 2 and says in done.stderr and not done.stdout


# --- a wxbus of ours -------------------------------------------------------------------------------------------

def test_ours_passes_in_full_where_the_command_is_its_weixin(new_deployment):
    deployment = new_deployment()
    deployment.start("wxbus-ingress", "wxbus-token-service", "wxbus-api-proxy", "wxbus-release-check")
    report = json.loads(deployment.command(
        "release-check", "--platform", deployment.platform.component_appid, "--url", deployment.url("wxbus-ingress"),
        "--api-listen", f"127.0.0.1:{deployment.port('weixin-sim', 'listen')}", "--api-limit-ms", str(5000 * FACTOR), "--json",
        settings={"WXBUS_PLATFORMS_FILE": str(deployment.files.platforms)}).stdout)
    assert report["ok"] and (report["passed"], report["not_testable"]) == (41, 0)
