"""From a push to its passive reply: ingress, Kafka, auto-reply, Kafka, ingress."""

import json

from wxbusdev.deployment import PlatformConfig

from . import world as w
from .figures import Aim, Figure

INGRESS, REPLIER = "wxbus-ingress", "wxbus-auto-reply"
_AT_ONCE = 64                           # fewer than the ingress lets wait for one group


def replies(world):
    platform = w.second_platform(["auto-reply"])
    with world.deployment(platforms=[PlatformConfig.example(), platform]) as deployment:
        _give_rules(deployment, platform, world.logs)
        deployment.start("wxbus-api-proxy")         # gives the business its caller's key
        deployment.start(INGRESS, REPLIER)

        def run(*options, allow=()):
            return w.load(deployment.url(INGRESS), platform, world.size, *options, expect="reply", connections=_AT_ONCE,
                          allow=allow)

        pushes = int(20_000 * world.size.seconds)
        run("--rate", 200)
        most = [run("--pushes", pushes, allow=("success",)) for _ in range(world.size.rounds)]
        rate = [report["answers"]["reply"] * 1000 / report["took_ms"] for report in most]
        half = int(sum(rate) / len(rate) / 2)
        at = {200: [run("--rate", 200) for _ in range(world.size.rounds)],
              half: [run("--rate", half, allow=("success",)) for _ in range(world.size.rounds)]}
    yield Figure("passive replies, flat out", "/s", rate)
    for number, reports in at.items():
        for name in ("p50", "p99"):
            aim = Aim("value", 20, at_most=True) if (number, name) == (200, "p99") else None
            what = "200/s" if number == 200 else "half of that"
            yield Figure(f"push to passive reply at {what}, {name}", "ms",
                         [report["latency_us"][name] / 1000 for report in reports], aim=aim)


def _give_rules(deployment, platform, folder):
    path = folder / "rules.jsonl"
    rules = {"rules": [{"name": "default", "on": "default", "reply": {"MsgType": "text", "Content": "我们晚上十点关门。"}}]}
    with open(path, "w", encoding="utf-8") as file:
        for number in range(w.ACCOUNTS):
            file.write(json.dumps({"component_appid": platform.component_appid, "appid": w.load_account(number),
                                   "set": rules}) + "\n")
    deployment.command("rules", "import", str(path), timeout_s=600)
