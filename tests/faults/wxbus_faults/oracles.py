"""What must hold after every fault: pure functions from the ledger and what was read of topics and tables to
findings. Nothing here talks to anything, so that a test can show each of them failing.
"""

import collections
import dataclasses

from wxbus_testing.ingress import ANSWER_LIMIT_S

from .ledger import CROSSED, CUT, FAILS_ONCE, ILLEGAL, NO_ANSWER, TELL
from .pusher import LIMIT_S

_WAKE_UPS = 3                           # of an answer's way, on a machine that wakes everybody late
_SHOWN = 5                              # examples of each finding


@dataclasses.dataclass
class Seen:
    """What other people's clients read after the fault; of this world's own pushes alone."""

    messages: list = dataclasses.field(default_factory=list)        # Message, partition by partition in log order
    effects: list = dataclasses.field(default_factory=list)         # Effect, in the order in which they happened
    letters: list = dataclasses.field(default_factory=list)         # event ids on the dead-letter topic
    requests: dict = dataclasses.field(default_factory=dict)        # request id: (event's content, openid, appid)
    results: list = dataclasses.field(default_factory=list)         # (request id, outcome) on the results topic
    told: list = dataclasses.field(default_factory=list)            # Told, as Weixin has it
    result_effects: list = dataclasses.field(default_factory=list)  # request ids of results that had their effect


@dataclasses.dataclass(frozen=True)
class Message:
    id: str
    partition: int
    offset: int
    key: str
    appid: str                          # of its headers
    openid: str
    content: str


@dataclasses.dataclass(frozen=True)
class Effect:
    number: int
    id: str
    appid: str
    openid: str
    content: str
    attempt: int


@dataclasses.dataclass(frozen=True)
class Told:
    """A template message that took effect at Weixin."""

    appid: str
    openid: str
    content: str


@dataclasses.dataclass
class Judgement:
    """Of these `duplicates`, `letters_doubled`, `absent`, `harmless` and `unjudged` are counted, and held against
    nobody."""

    pushes: int = 0
    acknowledged: int = 0
    lost: int = 0
    absent: int = 0                     # neither acknowledged nor there: Weixin was told the truth
    harmless: int = 0                   # not acknowledged, and there all the same
    replies: int = 0                    # pushes that were answered with the business's own words
    calls: int = 0                      # that took effect at Weixin
    duplicates: int = 0                 # records beyond the first of their event
    letters_doubled: int = 0            # the same of dead letters: a hand-over is repeated until it is acknowledged
    effects_doubled: int = 0
    order_breaks: int = 0
    cross_account: int = 0
    unsettled: int = 0                  # consumed events that are not in exactly one of done and dead letter
    calls_wrong: int = 0
    late: int = 0                       # tries that no answer came to in time, or an illegal one
    unjudged: int = 0                   # tries without an answer while the machine itself stood still for too long
    slowest_s: float = 0.0
    findings: list = dataclasses.field(default_factory=list)

    def found(self, what, ids):
        """Note what is wrong, with some examples; how many there are."""
        ids = list(ids)
        if ids:
            shown = ", ".join(str(one) for one in ids[:_SHOWN])
            self.findings.append(f"{len(ids)} {what}: {shown}{', ...' if len(ids) > _SHOWN else ''}")
        return len(ids)


def judge(pushes, seen, excused=lambda ingress, began, ended: False):
    """`pushes`: {id: Push}. excused(ingress, began, ended): whether that one was itself taken away meanwhile, so that
    nobody could have answered there."""
    judgement = Judgement(pushes=len(pushes), acknowledged=sum(push.acknowledged for push in pushes.values()),
                          replies=sum(push.answered for push in pushes.values()), calls=len(seen.told))
    first = {}
    for message in seen.messages:
        first.setdefault(message.id, message)
    _judge_loss(judgement, pushes, seen, first)
    _judge_accounts(judgement, pushes, seen)
    _judge_effects(judgement, pushes, seen, first)
    _judge_order(judgement, pushes, seen, first)
    _judge_calls(judgement, pushes, seen)
    _judge_answers(judgement, pushes, excused)
    return judgement


def _judge_loss(judgement, pushes, seen, first):
    judgement.lost = judgement.found("acknowledged pushes lost", (
        push.id for push in pushes.values() if push.acknowledged and push.id not in first))
    others = [push for push in pushes.values() if not push.acknowledged]
    judgement.harmless = sum(push.id in first for push in others)
    judgement.absent = len(others) - judgement.harmless
    judgement.duplicates = len(seen.messages) - len(first)
    judgement.found("records that nobody pushed", (
        f"{id_} ('{message.content}' of {message.openid})" for id_, message in first.items() if id_ not in pushes))


def _judge_accounts(judgement, pushes, seen):
    """Nothing of one fan or account stands under another's name."""
    def crossed():
        for what, things in (("record", seen.messages), ("effect", seen.effects)):
            for thing in things:
                push = pushes.get(thing.id)
                if push and (thing.appid, thing.openid, thing.content) != (push.appid, push.openid, push.content):
                    yield f"{what} {thing.id}"
        for message in seen.messages:
            push = pushes.get(message.id)
            if push and message.key != f"{push.appid}/{push.openid}":
                yield f"key of {message.id}"
        by_content = {push.content: push for push in pushes.values()}
        for told in seen.told:
            push = by_content.get(told.content)
            if push is None or (told.appid, told.openid) != (push.appid, push.openid):
                yield f"call for {told}"
        for push in pushes.values():
            for one in push.tries:
                if one.outcome == CROSSED:
                    yield f"reply to {push.id}: {one.why}"

    judgement.cross_account = judgement.found("things of one fan under another's name", crossed())


def _judge_effects(judgement, pushes, seen, first):
    """Each event that is on its topic is in exactly one place now: done, or a dead letter."""
    effects = collections.Counter(effect.id for effect in seen.effects)
    letters = collections.Counter(seen.letters)
    judgement.effects_doubled = judgement.found("effects beyond the first of their event", (
        id_ for id_, count in effects.items() if count > 1))
    judgement.found("effects of events that are on no topic", (id_ for id_ in effects if id_ not in first))

    def unsettled():
        for id_ in first:
            push = pushes.get(id_)
            done, dead = effects[id_] > 0, letters[id_] > 0
            if push and (done, dead) != (not push.to_dead_letter, push.to_dead_letter):
                yield f"{id_} ('{push.content}': {'done' if done else 'not done'}, {'' if dead else 'no '}dead letter)"

    judgement.unsettled = judgement.found("events that did not end where they should", unsettled())
    judgement.letters_doubled = len(seen.letters) - len(letters)


def _judge_order(judgement, pushes, seen, first):
    """What a fan sent after the answer to his last message stands after it; and what was not retried was done in
    that order."""
    number = {}
    for effect in seen.effects:
        number.setdefault(effect.id, effect.number)
    by_fan = collections.defaultdict(list)
    for push in pushes.values():
        if push.id in first:
            by_fan[push.appid, push.openid].append(push)

    def breaks():
        for fan, his in by_fan.items():
            partitions = {first[push.id].partition for push in his}
            if len(partitions) > 1:
                yield f"{fan[1]} stands on {len(partitions)} partitions"
                continue
            yield from _breaks_on_topic(his, first)
            straight = [push for push in his if push.id in number and not push.asks(FAILS_ONCE)]
            straight.sort(key=lambda push: first[push.id].offset)
            for before, after in zip(straight, straight[1:]):
                if number[before.id] > number[after.id]:
                    yield f"{after.id} done before {before.id}"

    judgement.order_breaks = judgement.found("breaks of a fan's order", breaks())


def _breaks_on_topic(his, first):
    """Each against the last that had been acknowledged when it was begun."""
    acknowledged = sorted((push for push in his if push.acknowledged), key=lambda push: push.acknowledged_at)
    position, furthest = 0, None
    for push in sorted(his, key=lambda push: push.began):
        while position < len(acknowledged) and acknowledged[position].acknowledged_at < push.began:
            one = acknowledged[position]
            if furthest is None or first[one.id].offset > first[furthest.id].offset:
                furthest = one
            position += 1
        if furthest and first[push.id].offset < first[furthest.id].offset:
            yield f"{push.id} stands before {furthest.id}"


def _judge_calls(judgement, pushes, seen):
    """A call takes effect once at the most; `ok` says that it did, `rejected` that it did not; each has one result,
    and each result one effect."""
    told = collections.Counter(one.content for one in seen.told)
    outcomes = collections.defaultdict(set)
    for request_id, outcome in seen.results:
        outcomes[request_id].add(outcome)
    effects = collections.Counter(seen.result_effects)
    done = {effect.id for effect in seen.effects}

    def wrong():
        asked = collections.Counter(content for content, _, _ in seen.requests.values())
        for push in pushes.values():
            if push.asks(TELL) and push.id in done and asked[push.content] != 1:
                yield f"{push.id} asked for {asked[push.content]} calls"
        for request_id, (content, _, _) in seen.requests.items():
            if told[content] > 1:
                yield f"{request_id} took effect {told[content]} times"
            if len(outcomes[request_id]) != 1:
                yield f"{request_id} has the outcomes {sorted(outcomes[request_id])}"
            elif (outcome := next(iter(outcomes[request_id]))) != "unknown" and told[content] != (outcome == "ok"):
                yield f"{request_id} is {outcome} and took effect {told[content]} times"
            if effects[request_id] != 1:
                yield f"the result of {request_id} had {effects[request_id]} effects"

    judgement.calls_wrong = judgement.found("calls that went wrong", wrong())


def _judge_answers(judgement, pushes, excused):
    def wrong():
        for push in pushes.values():
            for one in push.tries:
                if excused(one.ingress, one.began, one.ended):
                    continue
                if one.outcome in (NO_ANSWER, CUT) and ANSWER_LIMIT_S + _WAKE_UPS * one.lateness > LIMIT_S:
                    judgement.unjudged += 1
                    continue
                judgement.slowest_s = max(judgement.slowest_s, one.seconds)
                in_time = one.seconds <= LIMIT_S + _WAKE_UPS * one.lateness
                if one.outcome in (NO_ANSWER, CUT, ILLEGAL) or not in_time:
                    yield f"{push.id} at ingress {one.ingress + 1}: {one.outcome} after {one.seconds} s {one.why}"

    judgement.late = judgement.found("pushes without a proper answer in time", wrong())


def judge_lag(judgement, lag):
    """`lag`: {group: {topic: records}} of what is still to be read."""
    judgement.found("topics not read to their end", (
        f"{group} {topic}: {count}" for group, topics in lag.items() for topic, count in topics.items() if count))


# Of one process: (memory in KiB, descriptors, threads).
Figures = collections.namedtuple("Figures", "memory_kib descriptors threads")
# A stall has a process make as many calls at once as it may. common/httpc keeps up to 64 of their handles for as long as it
# lives, of three descriptors each; what is granted is half of that.
_SLACK = Figures(48 * 1024, 96, 16)


def judge_figures(judgement, before, after):
    """`before`, `after`: {instance: Figures}. Flat, but for what pools and caches of a warm process may take."""
    for instance in sorted(before.keys() & after.keys()):
        grown = [f"{name} {was} -> {now}" for name, was, now, slack in
                 zip(Figures._fields, before[instance], after[instance], _SLACK) if now > was + slack]
        if grown:
            judgement.findings.append(f"{instance} has grown: {', '.join(grown)}")
