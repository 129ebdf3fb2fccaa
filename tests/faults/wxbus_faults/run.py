"""Rounds: a fault under load, its healing, everything settled, read and judged."""

import itertools
import time

from wxbusdev.child import ChildError

from . import oracles
from .report import ALL


class Run:
    """`say(text)` gets a line for each round."""

    def __init__(self, world, report, say, quiet_s=3.0):
        self._world, self._report, self._say = world, report, say
        self._quiet_s = quiet_s         # under load before a fault, and after it
        self._rounds, self._slowest_s = 0, 0.0

    def round(self, fault):
        """Raises only where the world itself cannot go on."""
        world = self._world
        world.pusher.rate(world.rate)
        time.sleep(self._quiet_s)
        trouble = None
        try:
            fault.strike(world)
        except (ChildError, AssertionError) as error:
            trouble = f"{type(error).__name__}: {error}"
        time.sleep(self._quiet_s)
        try:
            pushes, caught_up_s = world.settle()
        except ChildError as error:
            raise ChildError(f"after {fault.name}: {trouble or ''} {error}") from None
        judgement = oracles.judge(pushes, _of(pushes, world.seen), world.excused)
        if trouble:
            judgement.findings.append(trouble)
        self._report.note_figures(world.judge_figures(judgement))
        self._report.add(fault.name, judgement, caught_up_s)
        self._rounds += 1
        self._slowest_s = max(self._slowest_s, caught_up_s)
        self._say(f"{fault.name:32} {_line(judgement)}, caught up in {caught_up_s:.1f} s")
        for finding in judgement.findings:
            self._say(f"    FOUND: {finding}")
        return judgement

    def whole(self):
        """All rounds together: what a round does not see is what came to its events in a later one."""
        self._world.wait_settled()      # Weixin has sent things of its own meanwhile
        judgement = oracles.judge(self._world.pushes, self._world.seen, self._world.excused)
        oracles.judge_lag(judgement, self._world.lag())
        self._report.add(ALL, judgement, self._slowest_s, self._rounds)
        self._say(f"{ALL:32} {_line(judgement)}")
        for finding in judgement.findings:
            self._say(f"    FOUND: {finding}")
        return judgement


def _of(pushes, seen):
    """What concerns these pushes."""
    contents = {push.content for push in pushes.values()}
    requests = {id_: request for id_, request in seen.requests.items() if request[0] in contents}
    return oracles.Seen(
        messages=[one for one in seen.messages if one.id in pushes],
        effects=[one for one in seen.effects if one.id in pushes],
        letters=[id_ for id_ in seen.letters if id_ in pushes], requests=requests,
        results=[one for one in seen.results if one[0] in requests],
        told=[one for one in seen.told if one.content in contents],
        result_effects=[id_ for id_ in seen.result_effects if id_ in requests])


def _line(judgement):
    return (f"{judgement.pushes} pushes, {judgement.acknowledged} acknowledged, {judgement.lost} lost, "
            f"{judgement.duplicates} duplicates, {judgement.order_breaks} order breaks, "
            f"{judgement.cross_account} cross-account, slowest {judgement.slowest_s:.2f} s")


def in_turn(faults, random_, minutes):
    """Faults until the time is over: all of them once in an order of chance, then again; each once where no time is
    given."""
    ends = time.monotonic() + 60 * (minutes or 0)
    for turn in itertools.count():
        if turn and not minutes:
            return
        for fault in random_.sample(faults, len(faults)):
            if minutes and time.monotonic() > ends:
                return
            yield fault
