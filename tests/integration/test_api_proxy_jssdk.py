"""GET /accounts/{appid}/jssdk?url=: the signed configuration of a page, with one ticket for everybody."""

import concurrent.futures
import hashlib
import json
import urllib.parse

import psycopg2
import pytest

from test_api_proxy_chain import ACCOUNT, Chain
from wxbusdev.deployment import Deployment
from wxbusdev.service import http_request

TICKET = "/cgi-bin/ticket/getticket"
PAGE = "https://shop.example.com/a?b=c&d=%E4%BD%A0"


@pytest.fixture(scope="module")
def chain(kafka, postgres, logs, tmp_path_factory):
    deployment = Deployment(tmp_path_factory.mktemp("jssdk"), logs, kafka, postgres,
                            topic_prefix="wx." if kafka.kind == "embedded" else "jssdk.")
    try:
        yield Chain(deployment, kafka)
    finally:
        deployment.close()


def ask(chain, page=PAGE, instance="wxbus-api-proxy", key=None):
    """(status, answer)"""
    status, _, body = http_request(chain.deployment.port(instance, "listen"), "GET",
                                   f"/accounts/{ACCOUNT}/jssdk?url={urllib.parse.quote(page, safe='')}", None,
                                   {"Authorization": f"Bearer {key or chain.key}"}, 20)
    return status, json.loads(body)


def update(chain, sql):
    with psycopg2.connect(chain.deployment.database_url) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
    connection.close()


def asked_since(chain, since):
    return len(chain.deployment.sim.calls(TICKET, since))


def check(answer, page=PAGE):
    text = (f"jsapi_ticket=jsapi-ticket-of-{ACCOUNT}&noncestr={answer['nonceStr']}&timestamp={answer['timestamp']}"
            f"&url={page.partition('#')[0]}")
    assert answer["appId"] == ACCOUNT and answer["signature"] == hashlib.sha1(text.encode()).hexdigest()


def test_many_pages_on_two_processes_take_one_ticket(chain):
    chain.deployment.start_one("wxbus-api-proxy", "proxy-second")
    try:
        since = chain.deployment.sim.record()["next"]
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            got = list(pool.map(lambda number: ask(chain, instance=("wxbus-api-proxy", "proxy-second")[number % 2]),
                                range(60)))
    finally:
        chain.deployment.finish("proxy-second")
    assert {status for status, _ in got} == {200}
    for _, answer in got:
        check(answer)
    assert len({answer["nonceStr"] for _, answer in got}) == 60
    assert asked_since(chain, since) == 1


def test_a_fragment_does_not_count_and_what_is_no_page_is_refused(chain):
    status, answer = ask(chain, PAGE + "#top")
    assert status == 200
    check(answer)
    for wrong in ("", "javascript:alert(1)", "/a", "https://"):
        assert ask(chain, wrong)[0] == 400


def test_a_ticket_about_to_expire_is_asked_for_once_while_the_old_one_serves(chain):
    assert ask(chain)[0] == 200
    update(chain, "UPDATE api_proxy.jssdk_tickets SET expires_at = now() + interval '5 minutes'")
    since = chain.deployment.sim.record()["next"]
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        assert {status for status, _ in pool.map(lambda _: ask(chain), range(40))} == {200}
    assert asked_since(chain, since) == 1


def test_weixins_refusal_is_passed_on_while_there_is_no_ticket(chain):
    update(chain, "DELETE FROM api_proxy.jssdk_tickets")
    chain.deployment.sim.call("/admin/faults", path=TICKET, errcode=45009, count=1)
    assert ask(chain)[1]["errcode"] == 45009


def test_who_may_not_ask_for_tickets_gets_no_signature(chain):
    key = chain.add_caller("narrow", ["*"], ["/cgi-bin/menu/*"], [])["key"]
    assert ask(chain, key=key)[0] == 403


def test_the_ticket_is_sealed_and_not_logged(chain):
    with psycopg2.connect(chain.deployment.database_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT ticket_sealed FROM api_proxy.jssdk_tickets WHERE ticket_sealed IS NOT NULL")
        assert all(b"jsapi-ticket" not in bytes(sealed) for sealed, in cursor.fetchall())
    connection.close()
    assert "jsapi-ticket" not in chain.deployment.service("wxbus-api-proxy").log_path.read_text()
