"""`wxbus replay`, run as an operator runs it."""

import contextlib
import datetime
import json
import subprocess

from wxbus_testing import probe
from wxbusdev import paths
from wxbusdev.service import program_environment


def rfc3339(at_ms):
    return datetime.datetime.fromtimestamp(at_ms / 1000, datetime.timezone.utc).isoformat(timespec="milliseconds")


def command(deployment, *arguments, **options):
    """As the role that `wxbus migrate` makes for the command's own schema."""
    return deployment.command("replay", *arguments, timeout_s=300,
                              settings={"WXBUS_DATABASE_URL": deployment.database_url_of("wxbus")}, **options)


@contextlib.contextmanager
def running(deployment, *arguments):
    """The process of `wxbus replay ...`; .says is what it has said on standard error once it has ended."""
    environment = {**deployment.environment("wxbus"), "WXBUS_DATABASE_URL": deployment.database_url_of("wxbus")}
    with subprocess.Popen([str(paths.binary("wxbus")), "replay", *arguments], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          env=program_environment(environment)) as process:
        try:
            yield process
        finally:
            process.kill()


def status(deployment, replay=None):
    """All that there are, the newest first; or one."""
    lines = command(deployment, "status", "--json", *([replay] if replay else [])).stdout.splitlines()
    rows = [json.loads(line) for line in lines]
    return rows[0] if replay else rows


def written(deployment, replay):
    """How many events it has noted as written."""
    (number,), = probe.query(deployment, "SELECT coalesce(sum(events), 0) FROM wxbus.replay_partitions WHERE replay_id = %s",
                             replay)
    return int(number)


def newest(deployment, group):
    """The id of the group's newest replay; None: there is none."""
    rows = probe.query(deployment, "SELECT replay_id FROM wxbus.replays WHERE group_name = %s ORDER BY started_at DESC LIMIT 1",
                       group)
    return rows[0][0] if rows else None
