"""Calls to Weixin through api-proxy, beside the same load straight to the simulated Weixin."""

import re
import subprocess

from wxbusdev.child import ChildError, wait_until

from . import world as w
from .figures import Figure

_ACCOUNT, _ORIGINAL_ID = "wxbench00000000001", "gh_bench0000001"
_PATH = "/cgi-bin/getcallbackip"
_SERVICES = ("weixin-sim", "wxbus-token-service", "wxbus-api-proxy", "wxbus-release-check", "wxbus-ingress",
             "wxbus-auto-reply")


def proxy(world):
    with world.deployment() as deployment:
        deployment.start(*_SERVICES)
        resting = {binary: deployment.service(binary) for binary in _SERVICES[1:]}
        resident = {binary: w.resident_mb(service) for binary, service in resting.items()}
        key, token = _authorize(deployment)
        ways = {"proxy": (deployment.url("wxbus-api-proxy") + f"/accounts/{_ACCOUNT}{_PATH}", key),
                "straight": (deployment.url("weixin-sim") + f"{_PATH}?access_token={token}", None)}
        seconds = max(1, int(world.size.seconds))
        many = {way: [] for way in ways}
        one = {way: [] for way in ways}
        for _ in range(world.size.rounds):
            for way, (url, bearer) in ways.items():
                many[way].append(_wrk(url, bearer, seconds, 32))
                one[way].append(_wrk(url, bearer, seconds, 1))
        used = w.processor_share({**resting, "Kafka, with these": deployment.kafka})
    yield Figure("calls through api-proxy, 32 at once", "/s", [run["rate"] for run in many["proxy"]],
                 "straight to weixin-sim", [run["rate"] for run in many["straight"]])
    for name in ("50", "99"):
        yield Figure(f"one call at a time, p{name}", "ms", [run[name] for run in one["proxy"]], "straight to weixin-sim",
                     [run[name] for run in one["straight"]])
    added = [proxied["50"] - straight["50"] for proxied, straight in zip(one["proxy"], one["straight"])]
    yield Figure("added by api-proxy, p50", "ms", added)
    for binary, mb in resident.items():
        yield Figure(f"resident, idle: {binary}", "MB", [mb])
    for name, share in used.items():
        yield Figure(f"processor, idle: {name}", "% of a core", [share])


def _authorize(deployment):
    """The key of a caller for our account, and the account's token."""
    component = deployment.platform.component_appid
    deployment.sim.add_account(_ACCOUNT, user_name=_ORIGINAL_ID, func_ids=[1, 2, 3])
    deployment.sim.push_ticket(component)
    key = deployment.add_caller("bench", [_ACCOUNT], ["/cgi-bin/*"])
    pushed = deployment.sim.push_authorized(component, _ACCOUNT)
    if pushed["answer"] != "success":
        raise ChildError(f"the authorization was answered {pushed['answer']}")

    def called():
        status, _, body = deployment.request("wxbus-api-proxy", "GET", f"/accounts/{_ACCOUNT}{_PATH}",
                                             headers={"Authorization": f"Bearer {key}"})
        return status == 200 and b"ip_list" in body

    wait_until(called, 30, "a call through api-proxy")
    token, = (row["access_token"] for row in deployment.sim.tokens()["accounts"] if row["appid"] == _ACCOUNT)
    return key, token


def _wrk(url, bearer, seconds, connections):
    """{"rate", "50" and "99": ms} of a run in which every call was answered 200."""
    header = ["-H", f"Authorization: Bearer {bearer}"] if bearer else []
    done = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", *header, url],
                          capture_output=True, text=True, timeout=seconds + 60, check=True)
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise ChildError(f"wrk: {done.stdout}")
    times = {share: float(number) * _MS[unit]
             for share, number, unit in re.findall(r"^ +(50|99)% +([\d.]+)(us|ms|s)$", done.stdout, re.MULTILINE)}
    return {"rate": float(re.search(r"Requests/sec:\s*([\d.]+)", done.stdout)[1]), **times}


_MS = {"us": 0.001, "ms": 1, "s": 1000}
