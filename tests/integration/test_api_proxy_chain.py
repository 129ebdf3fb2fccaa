"""wxbus-api-proxy with the real token-service and the simulated Weixin: from the ticket to the fan's phone."""

import concurrent.futures
import json
import secrets
import urllib.parse

import pytest

from wxbus_testing.proxy import Proxy
from wxbus_testing.reactions import ONE_REQUEST, REQUESTS, outcome, rows
from wxbusdev.child import wait_until
from wxbusdev.deployment import Deployment

ACCOUNT, FAN = "wxaccountchain01", "oChainFan01"
SEND = "/cgi-bin/message/custom/send"


class Chain(Proxy):
    """The whole way, with one authorized account and one caller."""

    def __init__(self, deployment, kafka):
        super().__init__(deployment, kafka, deployment.platform.component_appid)
        deployment.migrate()
        deployment.start("weixin-sim", "wxbus-token-service", "wxbus-ingress", "wxbus-api-proxy")
        self.key = self.add_caller("chain", ["*"], ["*"], [])["key"]
        sim = deployment.sim
        sim.add_account(ACCOUNT, nick_name="Chain", user_name="gh_chain0000001", func_ids=[1, 2, 3, 4], fans=[FAN])
        assert sim.push_ticket(self.component)["answer"] == "success"
        assert sim.push_authorized(self.component, ACCOUNT)["answer"] == "success"
        wait_until(lambda: self.call("/cgi-bin/getcallbackip", method="GET")[0] == 200, 20, "the account's token served", 0.2)
        assert sim.push_text(self.component, ACCOUNT, FAN, "hello")["answer"] == "success"

    def call(self, path, body=None, method="POST", appid=ACCOUNT):
        status, headers, body = self.deployment.request(
            "wxbus-api-proxy", method, f"/accounts/{appid}{path}", json.dumps(body).encode() if body else None,
            {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"})
        return status, headers, json.loads(body)


def text_to(fan, content):
    return {"touser": fan, "msgtype": "text", "text": {"content": content}}


@pytest.fixture(scope="module")
def chain(kafka, postgres, logs, tmp_path_factory):
    deployment = Deployment(tmp_path_factory.mktemp("chain"), logs, kafka, postgres,
                            topic_prefix="wx." if kafka.kind == "embedded" else "chain.")
    try:
        yield Chain(deployment, kafka)
    finally:
        deployment.close()


def test_a_message_over_http_reaches_the_fan(chain):
    content = "over http " + secrets.token_hex(4)
    status, headers, answer = chain.call(SEND, text_to(FAN, content))
    assert (status, answer["errcode"], headers["Wxbus-Attempts"]) == (200, 0, "1"), answer
    assert content in json.dumps(chain.deployment.sim.fan_messages(ACCOUNT, FAN))


def test_a_message_over_the_topic_reaches_the_fan(chain):
    content = "over kafka " + secrets.token_hex(4)
    with chain.results("api-results") as results:
        chain.request("chain-1", ACCOUNT, SEND, FAN, text_to(FAN, content), "chain", chain.key, "api-results")
        assert results.by_id("chain-1").json["outcome"] == "ok"
    assert content in json.dumps(chain.deployment.sim.fan_messages(ACCOUNT, FAN))


@pytest.mark.parametrize("how", ["expired", "invalid"])
def test_tokens_that_weixin_forgets_are_refreshed_once_for_all_calls(chain, how):
    sim = chain.deployment.sim
    sim.call("/admin/tokens/expire", component_appid=chain.component, appid=ACCOUNT, how=how)
    since = sim.record()["next"]
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: chain.call("/cgi-bin/getcallbackip", method="GET"), range(60)))
    assert all(status == 200 and "errcode" not in answer for status, _, answer in answers), answers[0]
    assert len(sim.calls("/cgi-bin/component/api_authorizer_token", since)) == 1


@pytest.fixture
def faults(chain):
    """faults(path, errcode): from now on the simulator answers so, until the test's end."""
    sim = chain.deployment.sim

    def set_up(path, errcode):
        sim.call("/admin/faults/clear")
        sim.call("/admin/faults", path=path, errcode=errcode, count=100)

    yield set_up
    sim.call("/admin/faults/clear")


def test_each_error_of_the_simulated_weixin_causes_its_count_of_calls(chain, faults, long):
    sim = chain.deployment.sim
    # The shorter form leaves out what only waits; test_api_proxy_calls.py has it, too.
    slow = () if long else ("backoff", "busy")
    wanted = [row for row in rows() if row[0] != 0 and row[1] not in slow] + ([] if long else [(-1, "busy")])
    for errcode, reaction in wanted:
        of_get, of_send, refreshes = REQUESTS.get(reaction, ONE_REQUEST)
        # A fan of whom nothing is known: the allowance refuses nothing.
        send = text_to(f"oError{errcode}", "x")
        for path, method, body, expected in (("/cgi-bin/getcallbackip", "GET", None, of_get), (SEND, "POST", send, of_send)):
            faults(path, errcode)
            since = sim.record()["next"]
            status, headers, answer = chain.call(path, body, method)
            assert (status, answer["errcode"]) == (200, errcode)
            assert len(sim.calls(path, since)) == expected == int(headers["Wxbus-Attempts"]), (path, errcode)
            assert len(sim.calls("/cgi-bin/component/api_authorizer_token", since)) == refreshes, (path, errcode)
            assert headers["Wxbus-Outcome"] == outcome(reaction, method == "GET"), (path, errcode)
        if reaction in ("quota", "minute"):     # it stands for the whole day or minute
            assert chain.call("/cgi-bin/getcallbackip", method="GET")[0] == 429 or errcode not in (45009, 45011)
            sim.call("/admin/faults", path="/cgi-bin/clear_quota", http_status=200, body='{"errcode":0,"errmsg":"ok"}', count=1)
            assert chain.call("/cgi-bin/clear_quota", {"appid": ACCOUNT})[0] == 200
    sim.call("/admin/faults/clear")
    assert "errcode" not in chain.call("/cgi-bin/getcallbackip", method="GET")[2]


def test_a_program_with_weixins_own_paths_reaches_the_fan(chain):
    query = urllib.parse.urlencode({"grant_type": "client_credential", "appid": ACCOUNT, "secret": chain.key})
    status, _, body = chain.deployment.request("wxbus-api-proxy", "GET", f"/cgi-bin/token?{query}")
    token = json.loads(body)["access_token"]
    content = "over Weixin's own path " + secrets.token_hex(4)
    status, _, body = chain.deployment.request("wxbus-api-proxy", "POST", f"{SEND}?access_token={token}",
                                               json.dumps(text_to(FAN, content)).encode())
    assert (status, json.loads(body)["errcode"]) == (200, 0)
    assert content in json.dumps(chain.deployment.sim.fan_messages(ACCOUNT, FAN))


def test_a_set_costs_no_call_until_it_is_granted(chain):
    sim, path = chain.deployment.sim, "/cgi-bin/draft/add"
    wait_until(lambda: chain.call(path, {"articles": []})[2]["errcode"] == 61007, 20, "the directory read", 0.2)
    since = sim.record()["next"]
    status, headers, answer = chain.call(path, {"articles": []})
    assert (status, answer["errcode"], headers["Wxbus-Attempts"]) == (403, 61007, "0")
    assert sim.calls(path, since) == []
    assert sim.push_updateauthorized(chain.component, ACCOUNT, func_ids=[1, 2, 3, 11])["answer"] == "success"
    wait_until(lambda: chain.call(path, {"articles": []})[2]["errcode"] == 40066, 20, "the simulator asked", 0.2)
    assert sim.calls(path, since) != []


def test_an_account_that_nobody_knows_is_404_and_one_that_left_403(chain):
    assert chain.call("/cgi-bin/getcallbackip", method="GET", appid="wxnobodyknows")[0] == 404
    assert chain.deployment.sim.push_unauthorized(chain.component, ACCOUNT)["answer"] == "success"

    def refused():
        status, _, answer = chain.call("/cgi-bin/getcallbackip", method="GET")
        assert answer.get("errcode", 61003) == 61003
        return status == 403 and answer["errcode"] == 61003

    wait_until(refused, 10, "403 for the account that left", 0.2)
