"""Weixin's network-wide release check on all ten test accounts, played by the simulator, answered by
wxbus-release-check: in each order, with its hazard of the code that works once, and with a process killed between."""

import concurrent.futures
import json

import pytest

from wxbus_testing.timing import FACTOR, margin
from wxbus_testing.whole import RELEASE_CHECK, Whole, new_openid

GROUPS = (1, 2, 3, 4, 5)
OFFICIAL = ["ticket", "authorized", "text", "api_text", "event", "unauthorized"]
MINIPROGRAM = ["authorized", "api_text", "unauthorized"]
API_LIMIT_MS = 5000 * FACTOR


@pytest.fixture(scope="module")
def whole(new_deployment):
    return Whole(new_deployment())


def play(whole, groups=GROUPS, **options):
    """The checks of these groups at once; a list of the simulator's answers."""
    with concurrent.futures.ThreadPoolExecutor(len(groups)) as pool:
        return list(pool.map(
            lambda group: whole.sim.release_check(whole.component, group=group, api_limit_ms=API_LIMIT_MS, **options),
            groups))


def check(answers, official=tuple(OFFICIAL), miniprogram=tuple(MINIPROGRAM)):
    """Every item of every answer passed, and each was there."""
    for answer in answers:
        failed = [item for item in answer["items"] if not item["ok"]]
        assert answer["ok"] and not failed, (answer["group"], failed)
        played = [item["item"] for item in answer["items"]]
        assert sorted(played) == sorted([*official, *miniprogram])


def report(record_property, name, answers):
    times = {}
    for answer in answers:
        for item in answer["items"]:
            times.setdefault(item["item"], []).append(item["ms"])
    text = ", ".join(f"{item} {max(ms)} ms" for item, ms in times.items())
    record_property(name, text)
    print(f"{name}: at most {text}")


# The first of these meets accounts that no directory has ever heard of.
@pytest.mark.parametrize("code_reusable", [False, True], ids=["code works once", "code reusable"])
@pytest.mark.parametrize("code_order", ["message-first", "push-first"])
def test_all_ten_accounts_pass(whole, record_property, code_order, code_reusable):
    answers = play(whole, code_order=code_order, code_reusable=code_reusable)
    check(answers)
    report(record_property, f"{code_order}, reusable {code_reusable}", answers)
    exchanged = [item["code_exchanged"] for answer in answers for item in answer["items"] if item["item"] == "api_text"]
    assert exchanged == [True] * 10


def test_the_command_passes_too_and_the_real_ticket_stays(whole):
    """`wxbus release-check` without the API: its own ticket is older than any, so ours goes on with Weixin's."""
    ticket, since = whole.sim.push_ticket(whole.component)["ticket"], whole.sim.record()["next"]
    report = json.loads(whole.deployment.command(
        "release-check", "--platform", whole.component, "--url", whole.deployment.url("wxbus-ingress"), "--json",
        settings={"WXBUS_PLATFORMS_FILE": str(whole.deployment.files.platforms_for_ingress)}).stdout)
    assert report["ok"] and (report["passed"], report["not_testable"]) == (31, 10)

    path = f"/v1/platforms/{whole.component}"
    token = whole.tokens.call("GET", f"{path}/token")[1]
    status, answer = whole.tokens.call("POST", f"{path}/refresh", {"token_sha256": token["token_sha256"]})
    assert status == 200 and answer["token"] != token["token"]
    used = json.loads(whole.sim.calls("/cgi-bin/component/api_component_token")[-1]["body"])
    assert used["component_verify_ticket"] == ticket
    # Its codes are made up: Weixin refuses each, and nobody asks again and again.
    refused = [json.loads(call["body"])["authorization_code"]
               for call in whole.sim.calls("/cgi-bin/component/api_query_auth", since)]
    assert len(set(refused)) == 10 and len(refused) <= 20


def test_the_next_push_is_answered_before_the_directory_knows_the_account(new_deployment):
    """token-service stands still from before the authorization to after the fan's messages."""
    whole = Whole(new_deployment())
    token_service = whole.deployment.service("wxbus-token-service")
    token_service.pause()
    answers = play(whole, steps=["authorized", "text", "event"], accounts=["official"])
    check(answers, ["authorized", "text", "event"], [])
    assert not whole.all_records("accounts")
    unverified = [record.headers.get("ce_unverifiedaccount") for record in whole.all_records("messages")]
    assert unverified == ["true"] * 10
    token_service.resume()
    for answer in answers:
        whole.directory(answer["items"][0]["appid"], lambda row: row["state"] == "authorized")


# --- killed between ------------------------------------------------------------------------------------------

ACCOUNT, ORIGINAL_ID = "wxa35b9c23cfe664eb", "gh_2b3713f184a6"


@pytest.fixture
def code(whole):
    """The code of a fresh authorization of ACCOUNT."""
    whole.sim.add_account(ACCOUNT, user_name=ORIGINAL_ID, func_ids=[1])
    return whole.sim.push_authorized(whole.component, ACCOUNT)["code"]


def ask(whole, fan, code):
    """The push QUERY_AUTH_CODE of a fan, and how it was answered."""
    return whole.sim.push_text(whole.component, ACCOUNT, fan, f"QUERY_AUTH_CODE:{code}")["answer"]


def kill_and_start_again(whole):
    whole.deployment.kill(RELEASE_CHECK)
    whole.deployment.start_one(RELEASE_CHECK)


def requests(whole, fans):
    """{fan: ids of the calls that were asked for}"""
    ids = {fan: [] for fan in fans}
    for record in whole.all_records("api-requests"):
        appid, fan = record.key.split("/")
        if appid == ACCOUNT and fan in ids:
            ids[fan].append(record.event_id)
    return ids


def test_killed_between_verdict_and_message_it_sends_the_message_after_its_restart(whole, code):
    """token-service stands still, so the handler is killed while it waits for the exchange."""
    fan = new_openid()
    token_service = whole.deployment.service("wxbus-token-service")
    token_service.pause()
    try:
        assert ask(whole, fan, code) == "empty"
        kill_and_start_again(whole)
        event_id = whole.message(ACCOUNT, fan).event_id
        with whole.reader("replies") as replies:
            replies.wait_for(lambda record: record.event_id == event_id and record.json["verdict"] == "empty",
                             margin(20), count=2)       # delivered again
        assert whole.sent_to(ACCOUNT, fan) == []
    finally:
        token_service.resume()
    whole.wait_sent_to(ACCOUNT, fan, f"{code}_from_api", 20)
    assert len(requests(whole, [fan])[fan]) == 1
    assert len(whole.sends(ACCOUNT, fan)) == 1


def test_killed_after_its_call_it_asks_again_and_the_fan_gets_one_message(whole, code, record_property):
    """Twenty fans ask; the process dies as soon as the first call is handed over."""
    fans = [new_openid() for _ in range(20)]
    with whole.reader("api-requests") as reader, concurrent.futures.ThreadPoolExecutor(len(fans)) as pool:
        reader.read_to_end()
        asked = [pool.submit(ask, whole, fan, code) for fan in fans]
        reader.wait_for_one(lambda record: record.key.split("/")[1] in fans, margin(10))
        kill_and_start_again(whole)
    # Where the verdict died with the process, the ingress could say no more than success.
    assert {one.result() for one in asked} <= {"empty", "success"}
    for fan in fans:
        whole.wait_sent_to(ACCOUNT, fan, f"{code}_from_api", 20)

    ids = requests(whole, fans)
    asked_for = sum(map(len, ids.values()))
    record_property("calls asked for again", asked_for - len(fans))
    print(f"{asked_for - len(fans)} calls were asked for again")
    assert all(len(set(of_one)) == 1 for of_one in ids.values())
    with whole.reader("release-check.results") as results:      # each was judged
        results.wait_for(lambda record: any(record.key in of_one for of_one in ids.values()), margin(20), asked_for)
    for fan in fans:
        assert whole.sent_to(ACCOUNT, fan) == [f"{code}_from_api"]
        assert len(whole.sends(ACCOUNT, fan)) == 1
