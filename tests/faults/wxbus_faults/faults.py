"""The faults, one row of one table each: a name, what it does, how it heals, and the function that does both.

A fault strikes while pushes come in, lasts for a while, and is healed when its function returns."""

import contextlib
import dataclasses
import os
import resource
import signal
import socket
import time
import typing

from wxbus_testing import topics

from .world import BUSINESSES, INGRESSES


@dataclasses.dataclass(frozen=True)
class Fault:
    name: str
    does: str
    heals: str
    strike: typing.Callable             # strike(world)
    root: bool = False                  # it needs a file system of its own
    cluster: bool = False               # it needs a Kafka of three nodes


def _hold(world, least_s=3.0, most_s=7.0):
    time.sleep(world.random.uniform(least_s, most_s))


# --- processes -----------------------------------------------------------------------------------------------

def _kill(instances):
    def strike(world):
        instance = world.random.choice(instances)
        with world.away(instance):
            world.deployment.kill(instance)
            _hold(world, 0, 4)
            world.start_again(instance)
    return strike


def _pause(instances):
    def strike(world):
        instance = world.random.choice(instances)
        with world.away(instance):
            world.service(instance).pause()
            try:
                _hold(world, 2, 10)
            finally:
                world.service(instance).resume()
    return strike


def _end(instances):
    """It must end in order, and in time for whoever orchestrates it."""
    def strike(world):
        instance = world.random.choice(instances)
        with world.away(instance):
            world.deployment.finish(instance, timeout_s=25)
            _hold(world, 0, 3)
            world.start_again(instance)
    return strike


def _clock(world):
    """Of Weixin against ours, within what a push's timestamp may be off by."""
    for offset_s in (300, -300, 0):
        world.pusher.clock(offset_s)
        _hold(world, 2, 4)


def _of_services():
    for who, instances in (("ingress", INGRESSES), ("business", BUSINESSES),
                           ("token-service", ("wxbus-token-service",)), ("api-proxy", ("wxbus-api-proxy",))):
        yield Fault(f"kill-{who}", "kill -9 under load", "started again", _kill(instances))
        yield Fault(f"pause-{who}", "SIGSTOP under load", "SIGCONT", _pause(instances))
        yield Fault(f"end-{who}", "SIGTERM under load; it must end in order", "started again", _end(instances))


# --- Kafka ---------------------------------------------------------------------------------------------------

def _broker_crash(world):
    world.kafka.kill()
    _hold(world)
    world.kafka.start()


def _broker_stall(world):
    world.kafka.pause()
    try:
        _hold(world, 3, 10)
    finally:
        world.kafka.resume()


def _broker_restart(world):
    world.kafka.stop()
    world.kafka.start()


def _topic_deleted(world):
    """What was on it is lost by whoever deleted it, so it is read and settled first."""
    world.pusher.wait_idle()
    world.wait_settled()
    world.read_to_the_end_of("messages")
    topics.delete_topic(world.kafka.bootstrap_servers, world.deployment.topic("messages"))
    world.pusher.rate(world.rate)
    _hold(world, 5, 8)
    world.deployment.migrate()
    world.read_from_the_beginning_of("messages")
    _hold(world, 5, 8)


def _disk_full(what):
    def strike(world):
        world.disks[what].fill()
        _hold(world, 4, 8)
        world.disks[what].empty()
        server = getattr(world, what)
        if what == "kafka":             # its log directory is offline now: it ends itself, or has to be ended
            server.kill()
        if not server.running:
            server.start()
    return strike


# --- a Kafka of three nodes ----------------------------------------------------------------------------------

def _leader(world):
    """The node that leads a partition of `messages`, any one of them."""
    topic = world.deployment.topic("messages")
    partitions = world.kafka_metadata().topics[topic].partitions
    return world.kafka.nodes[partitions[world.random.choice(sorted(partitions))].leader - 1]


def _leader_killed(world):
    node = _leader(world)
    node.kill()
    _hold(world, 6, 10)
    node.start()


def _leader_paused(world):
    """Long enough for others to take over; it comes back thinking that it leads."""
    node = _leader(world)
    node.pause()
    try:
        _hold(world, 6, 10)
    finally:
        node.resume()


def _leader_restart(world):
    node = _leader(world)
    node.stop()
    _hold(world, 0, 3)
    node.start()


def _rolling_restart(world):
    for node in world.kafka.nodes:
        node.stop()
        node.start()
        world.wait_in_sync()


def _too_few_in_sync(world):
    """With one node of three there is no acknowledgement that would mean anything."""
    nodes = world.random.sample(world.kafka.nodes, 2)
    for node in nodes:
        node.kill()
    _hold(world)
    for node in nodes:
        node.begin()
    for node in nodes:
        node.wait_started()


# --- PostgreSQL ----------------------------------------------------------------------------------------------

def _postgres_ends(signal_number):
    def strike(world):
        world.postgres.stop(signal_number=signal_number)
        _hold(world)
        world.postgres.start()
    return strike


def _postgres_stall(world):
    """Its processes, the first one first, so that no more of them come."""
    world.postgres.pause()
    pids = _children(world.postgres.pid)
    try:
        for pid in pids:
            _signal(pid, signal.SIGSTOP)
        _hold(world, 3, 10)
    finally:
        for pid in pids:
            _signal(pid, signal.SIGCONT)
        world.postgres.resume()


def _no_connections(world):
    """Those that are open end, and no other is let in."""
    database = world.deployment.database_url.rpartition("/")[2]
    world.query_as_operator(f'ALTER DATABASE "{database}" CONNECTION LIMIT 0')
    world.query_as_operator("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename LIKE 'wxbus%'")
    _hold(world)
    world.query_as_operator(f'ALTER DATABASE "{database}" CONNECTION LIMIT -1')


def _children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
        return [int(child) for child in children.read().split()]


def _signal(pid, signal_number):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal_number)


# --- clients, storms, descriptors ----------------------------------------------------------------------------

SLOW_CLIENTS = 500
_HALF_HEADER = b"POST /push/wx HTTP/1.1\r\nHost: wx.example.com\r\nContent-Le"
_HALF_BODY = b"POST /push/wx/authorization HTTP/1.1\r\nHost: wx.example.com\r\nContent-Length: 900\r\n\r\n<xml>"


def _slow_clients(world):
    """Half headers, half bodies, and connections on which nothing comes; one that is closed is opened again."""
    port = world.deployment.port(world.random.choice(INGRESSES), "listen")
    ends = time.monotonic() + world.random.uniform(6, 10)
    clients = []
    try:
        while time.monotonic() < ends:
            clients = [client for client in clients if not _closed(client)]
            while len(clients) < SLOW_CLIENTS:
                clients.append(_slow_client(port, (_HALF_HEADER, _HALF_BODY, b"")[len(clients) % 3]))
            time.sleep(0.2)
    finally:
        for client in clients:
            client.close()


def _slow_client(port, says):
    client = socket.create_connection(("127.0.0.1", port), timeout=5)
    client.sendall(says)
    client.setblocking(False)
    return client


def _closed(client):
    try:
        closed = client.recv(65536) == b""
    except BlockingIOError:
        return False
    except OSError:
        closed = True
    if closed:
        client.close()
    return closed


def _retry_storm(world):
    """Every push comes to both ingresses at once, several times."""
    for _ in range(3):
        world.pusher.storm(40, 2)
        _hold(world, 1, 2)


def _descriptors(instance, way):
    """No descriptor can be opened, and the connections that there were end."""
    def strike(world):
        pid = world.service(instance).pid
        limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        with world.away(instance):
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (16, limits[1]))
            try:
                world.relays[way].cut()
                time.sleep(0.5)
                world.relays[way].heal()
                _hold(world)
            finally:
                resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
    return strike


# --- the network ---------------------------------------------------------------------------------------------

_WAYS = {"INGRESS": "ingress-kafka", "BUSINESS": "business-kafka", "TOKENS": "token-service-kafka",
         "PROXY": "api-proxy-kafka", "DATABASE": "postgres", "WEIXIN": "weixin",
         "TOKEN-SERVICE": "api-proxy-token-service"}


def _network(way, what):
    def strike(world):
        relay = world.relays[way]
        if what == "slow":
            relay.slow(world.random.uniform(0.05, 0.3))
        else:
            getattr(relay, what)()
        try:
            _hold(world, 3, 9)
        finally:
            relay.heal()
    return strike


def _of_networks():
    for way, name in _WAYS.items():
        yield Fault(f"cut-{name}", "connections end, new ones too", "let through", _network(way, "cut"))
        yield Fault(f"stall-{name}", "connections stay, nothing passes", "let through", _network(way, "stall"))
        yield Fault(f"slow-{name}", "50 to 300 ms each way", "let through", _network(way, "slow"))


FAULTS = (
    Fault("none", "nothing: what the others are compared with", "-", _hold),
    *_of_services(),
    Fault("broker-crash", "kill -9 of Kafka", "started again", _broker_crash),
    Fault("broker-stall", "SIGSTOP of Kafka", "SIGCONT", _broker_stall),
    Fault("broker-restart", "Kafka ended in order", "started again", _broker_restart),
    Fault("topic-deleted", "`messages` deleted", "`wxbus migrate`", _topic_deleted),
    Fault("disk-full-kafka", "no space left for Kafka's logs", "space made, started again", _disk_full("kafka"),
          root=True),
    Fault("postgres-crash", "PostgreSQL ends at once", "started again", _postgres_ends(signal.SIGQUIT)),
    Fault("postgres-restart", "PostgreSQL ends, connections are cut", "started again", _postgres_ends(signal.SIGINT)),
    Fault("postgres-stall", "SIGSTOP of all of PostgreSQL", "SIGCONT", _postgres_stall),
    Fault("postgres-no-connections", "all connections ended, none let in", "let in", _no_connections),
    Fault("disk-full-postgres", "no space left for PostgreSQL", "space made", _disk_full("postgres"), root=True),
    Fault("slow-clients", f"{SLOW_CLIENTS} slow and half-open clients at one ingress", "they go", _slow_clients),
    Fault("retry-storm", "40 pushes at once, each 4 times over both ingresses, thrice", "by itself", _retry_storm),
    Fault("clock-weixin", "Weixin's clock jumps 5 minutes ahead, then 5 minutes behind", "right again", _clock),
    Fault("descriptors-ingress", "no descriptors for one ingress, its connections to Kafka cut", "limit lifted",
          _descriptors(INGRESSES[0], "INGRESS")),
    Fault("descriptors-business", "the same for a business", "limit lifted", _descriptors(BUSINESSES[0], "BUSINESS")),
    Fault("descriptors-api-proxy", "the same for api-proxy", "limit lifted", _descriptors("wxbus-api-proxy", "PROXY")),
    *_of_networks(),
    Fault("leader-killed", "kill -9 of a node of three that leads", "started again", _leader_killed, cluster=True),
    Fault("leader-paused", "SIGSTOP of a node of three that leads", "SIGCONT", _leader_paused, cluster=True),
    Fault("leader-restart", "a node of three that leads ends in order", "started again", _leader_restart, cluster=True),
    Fault("rolling-restart", "each node of three ends and starts, one after the other", "by itself", _rolling_restart,
          cluster=True),
    Fault("too-few-in-sync", "kill -9 of two nodes of three", "started again", _too_few_in_sync, cluster=True),
)
BY_NAME = {fault.name: fault for fault in FAULTS}
