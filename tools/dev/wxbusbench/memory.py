"""What the ingress holds: with directories of several sizes, and after very many events."""

import time

from wxbusdev.child import wait_until

from . import world as w
from .figures import Aim, Figure

INGRESS = "wxbus-ingress"
_KEEP_S = 21                            # an event is remembered for 20 s
_BATCH = 100_000                        # pushes prepared at once


def directories(world):
    empty = None
    for accounts in world.size.directories:
        with world.deployment() as deployment:
            if empty is None:
                empty = w.resident_mb(deployment.start_one(INGRESS))
                deployment.finish(INGRESS)
            w.tool("bench-kafka", "accounts", deployment.kafka.bootstrap_servers, deployment.topic("accounts"), accounts,
                   deployment.platform.component_appid)
            began = time.monotonic()
            ingress = deployment.start_one(INGRESS, ready=False)
            ingress.wait_ready(300)
            took = time.monotonic() - began
            wait_until(lambda: ingress.metric("wxbus_ingress_directory_accounts") == accounts, 10, "every account")
            aim = Aim("value", 250, at_most=True) if accounts == 1_000_000 else None
            yield Figure(f"ingress, resident with {accounts:,} accounts", "MB", [w.resident_mb(ingress)], "with none", [empty],
                         aim)
            yield Figure(f"ready after its start with {accounts:,} accounts", "s", [took])


def growth(world):
    """Resident before and after very many events, each time once those of before are forgotten."""
    if not world.size.growth_events:
        return
    with world.deployment() as deployment:
        ingress = deployment.start_one(INGRESS)

        def push(events):
            done = 0
            while done < events:
                done += w.load(deployment.url(INGRESS), deployment.platform, world.size, "--pushes", _BATCH)["pushes"]
            time.sleep(_KEEP_S)
            w.load(deployment.url(INGRESS), deployment.platform, world.size, "--pushes", 1000)
            return done, w.resident_mb(ingress)

        _, before = push(world.size.growth_events // 5)
        done, after = push(world.size.growth_events)
    yield Figure("ingress, growth for 1,000,000 events", "MB", [(after - before) * 1e6 / done])
    yield Figure("ingress, resident after them", "MB", [after])
