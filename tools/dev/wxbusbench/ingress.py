"""Pushes: how many in a second, how long each takes, and what it costs the ingress."""

import re
import subprocess

from wxbusdev import paths

from . import world as w
from .figures import Aim, Figure

INGRESS = "wxbus-ingress"
_PREPARED_PER_S = 40_000                # more than any machine so far takes
_AIMS = {"embedded": 0.60, "real": 0.35}
_BROKERS = {"embedded": "embedded broker", "real": "real Kafka"}


def rates(world):
    """Flat out: beside CivetWeb with an empty handler, and beside what the broker takes of a bare producer."""
    for kind in ("embedded", "real") if world.size.real else ("embedded",):
        with world.deployment(kind) as deployment:
            yield from _rates_on(world, deployment, kind)


def _rates_on(world, deployment, kind):
    size, platform, where = world.size, deployment.platform, _BROKERS[kind]
    bare, waiting = (w.BareServer(world.logs / f"bare-{waits}.log", waiting=waits) for waits in (False, True))
    bare.start()
    waiting.start()
    ingress = deployment.start_one(INGRESS)
    pushes = int(_PREPARED_PER_S * size.seconds)
    topic = deployment.topic("messages.test")

    def flat_out(process, url, *options):
        before = w.cpu_us(process)
        report = w.load(url, platform, size, *options)
        report["cpu_us"] = (w.cpu_us(process) - before) / report["pushes"]
        return report

    def bare_run(server=bare):
        return flat_out(server, server.url(), "--pushes", 1000, "--repeat")

    def our_run():
        return flat_out(ingress, deployment.url(INGRESS), "--pushes", pushes)

    try:
        bare_run()
        bare_run(waiting)
        our_run()
        bares, waits, ours, produced = [], [], [], []
        for _ in range(size.rounds):
            bares.append(bare_run())
            waits.append(bare_run(waiting))
            ours.append(our_run())
            produced.append(float(w.tool("bench-kafka", "produce", deployment.kafka.bootstrap_servers, topic,
                                         int(10_000 * max(1, size.seconds)), "weixin.message.text")))
        half = int(sum(report["per_second"] for report in ours) / len(ours) / 2)
        calm = [w.load(deployment.url(INGRESS), platform, size, "--rate", half) for _ in range(size.rounds)]
        calm_bare = [w.load(bare.url(), platform, size, "--rate", half) for _ in range(size.rounds)]
    finally:
        bare.stop()
        waiting.stop()
    rate = [report["per_second"] for report in ours]
    yield Figure(f"pushes, flat out, {where}", "/s", rate, "CivetWeb, empty handler",
                 [report["per_second"] for report in bares], Aim("ratio", _AIMS[kind]))
    yield Figure(f"the same beside a handler that only waits, {where}", "/s", rate, "CivetWeb, waiting handler",
                 [report["per_second"] for report in waits])
    yield Figure(f"the same beside a bare producer, {where}", "/s", rate, "librdkafka, acks=all", produced)
    for name in ("p50", "p99", "p99.9"):
        yield Figure(f"push to answer at half of it, {name}, {where}", "ms",
                     [report["latency_us"][name] / 1000 for report in calm], "CivetWeb, empty handler",
                     [report["latency_us"][name] / 1000 for report in calm_bare])
    yield Figure(f"ingress's processor time for a push, {where}", "µs", [report["cpu_us"] for report in ours],
                 "CivetWeb, empty handler", [report["cpu_us"] for report in bares], Aim("value", 25, at_most=True))
    yield Figure(f"the same beside a handler that only waits, {where}", "µs", [report["cpu_us"] for report in ours],
                 "CivetWeb, waiting handler", [report["cpu_us"] for report in waits])


def costs(world):
    """One push in memory: processor time and instructions, beside OpenSSL alone; and what the running ingress
    allocates for one."""
    rounds, n = world.size.rounds, int(20_000 * max(1, world.size.seconds))
    ns = {what: [float(w.tool("bench-push", what, n)) / 1000 for _ in range(rounds)] for what in ("push", "openssl")}
    yield Figure("verify, decrypt, convert one text push", "µs", ns["push"], "OpenSSL's SHA-1 and AES of it", ns["openssl"])
    instructions = {what: _instructions(what, world.logs) for what in ("push", "openssl")}
    yield Figure("instructions for it (callgrind)", "", [instructions["push"]], "OpenSSL's SHA-1 and AES of it",
                 [instructions["openssl"]])
    yield from _allocations(world)


def _instructions(what, logs):
    def total(n):
        done = subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={logs / f'callgrind-{what}.out'}",
                               paths.binary("bench-push"), what, str(n)], capture_output=True, text=True, timeout=300,
                              check=True)
        return int(re.search(r"Collected : (\d+)", done.stderr)[1])

    few, many = 20, 220
    return (total(many) - total(few)) / (many - few)


def _allocations(world):
    size, counts = world.size, world.logs / "allocations"
    with world.deployment("embedded") as deployment:
        deployment.start_one(INGRESS, settings={"LD_PRELOAD": paths.build_dir() / "bin" / "bench-alloc.so",
                                                "ALLOC_COUNT_FILE": counts})

        def run():
            return w.load(deployment.url(INGRESS), deployment.platform, size, "--pushes", int(4000 * max(1, size.seconds)))

        run()
        before = w.allocations(counts)
        pushes = run()["pushes"]
        made = {name: (count - before.get(name, 0)) / pushes for name, count in w.allocations(counts).items()}
    ours = made.pop("program")
    yield Figure("allocations for a push, by our own code", "", [ours])
    yield Figure("allocations for a push, by libraries (" + ", ".join(
        f"{_plain(name)} {count:.1f}" for name, count in sorted(made.items(), key=lambda item: -item[1])
        if count >= 0.05) + ")", "", [sum(made.values())])


def _plain(name):
    return re.sub(r"^lib|[-.]\d.*|\.so.*", "", name)
