"""What a business reads in a second with a handler that does nothing, at least once and once, beside a bare consumer."""

import time

from wxbusdev import paths
from wxbusdev.child import ChildError

from . import world as w
from .figures import Aim, Figure

# Of what nobody asked it about, auto-reply makes nothing; the probe makes nothing of voice, in a transaction.
ROUTE, ONCE = "wxbus-auto-reply", "wxbus-probe"
_TOPIC = "messages"
_EVERY_S = 0.02


def consumption(world):
    migrations = paths.build_dir() / "share" / "wxbus" / "tests"
    with world.deployment() as deployment:
        deployment.command("migrate", "--migrations", str(migrations), "--partitions", "4", timeout_s=120)
        proxy = deployment.start_one("wxbus-api-proxy") # gives the businesses their caller's keys
        yield from _kind(world, deployment, proxy, ROUTE, "at least once", "weixin.message.image", world.size.events,
                         Aim("ratio", 0.6))
        yield from _kind(world, deployment, proxy, ONCE, "once (a transaction each)", "weixin.message.voice",
                         world.size.once_events)


def _kind(world, deployment, proxy, binary, name, ce_type, events, aim=None):
    deployment.start_one(binary)
    deployment.finish(binary)                           # its group has begun, at the topic's end
    ours, bare = [], []
    servers, topic = deployment.kafka.bootstrap_servers, deployment.topic(_TOPIC)
    for _ in range(world.size.rounds):
        w.tool("bench-kafka", "produce", servers, topic, events, ce_type)
        w.wait_idle(proxy)                              # it notes who wrote, of each event
        # So many that they do not all come at once; they are there since the first kind was measured.
        bare.append(float(w.tool("bench-kafka", "consume", servers, topic, world.size.events)))
        ours.append(_rate(deployment.start_one(binary), events))
        deployment.finish(binary)
    yield Figure(f"events handled, empty handler, {name}", "/s", ours, "bare librdkafka consumer", bare, aim)


def _rate(business, events):
    """Of the time between the first look that saw some and the one that saw all."""
    seen, deadline = [], time.monotonic() + 300
    while not seen or seen[-1][1] < events:
        if time.monotonic() > deadline:
            raise ChildError(f"{business.name}: {seen[-1:]} of {events} events")
        done = business.metric("wxbus_business_events_total", outcome="done")
        if done:
            seen.append((time.monotonic(), done))
        time.sleep(_EVERY_S)
    (began, first), (ended, last) = seen[0], next(look for look in seen if look[1] >= events)
    if ended == began:
        raise ChildError(f"{events} events are too few to be seen on their way")
    return (last - first) / (ended - began)
