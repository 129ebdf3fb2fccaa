"""The oracles of `./dev faults` can fail: each is shown a world in which only what it looks for is wrong."""

import dataclasses

import pytest

from wxbus_faults import oracles
from wxbus_faults.ledger import CROSSED, CUT, ILLEGAL, NO_ANSWER, REPLY, SUCCESS, UNAVAILABLE, Ledger, Push, Try
from wxbus_faults.oracles import Effect, Figures, Message, Seen, Told

COUNTS = ("lost", "duplicates", "effects_doubled", "order_breaks", "cross_account", "unsettled", "calls_wrong", "late")
WORDS = {3: "tell", 5: "fail=1", 7: "poison", 8: "fail=9", 9: "reply"}


class World:
    """Three fans of two accounts with four pushes each, one after the other, and nothing went wrong."""

    def __init__(self):
        self.pushes, self.seen = {}, Seen()
        for number in range(12):
            fan = number % 3
            push = Push(f"id{number}", number, f"wx{fan % 2}", f"fan{fan}", f"{number} {WORDS.get(number, '')}".strip(),
                        began=float(number))
            push.tries.append(Try(number % 2, push.began, 0.02, REPLY if "reply" in push.content else SUCCESS))
            self.pushes[push.id] = push
            self.seen.messages.append(Message(push.id, fan, number, f"{push.appid}/{push.openid}", push.appid,
                                              push.openid, push.content))
            if push.to_dead_letter:
                self.seen.letters.append(push.id)
            else:
                self.seen.effects.append(Effect(number, push.id, push.appid, push.openid, push.content, 0))
        teller = self.pushes["id3"]
        self.seen.requests["r1.tags"] = (teller.content, teller.openid, teller.appid)
        self.seen.results.append(("r1.tags", "ok"))
        self.seen.told.append(Told(teller.appid, teller.openid, teller.content))
        self.seen.result_effects.append("r1.tags")

    def judge(self, **options):
        return oracles.judge(self.pushes, self.seen, **options)

    def change(self, things, id_, **fields):
        """One of the seen is another; without fields it is gone."""
        things = getattr(self.seen, things)
        place = next(place for place, one in enumerate(things) if one.id == id_)
        things[place:place + 1] = [dataclasses.replace(things[place], **fields)] if fields else []

    def again(self, things, id_):
        things = getattr(self.seen, things)
        things.append(next(one for one in things if one.id == id_))

    def answer(self, id_, outcome, seconds=0.02):
        self.pushes[id_].tries = [Try(0, self.pushes[id_].began, seconds, outcome)]


@pytest.fixture
def world():
    return World()


def wrong(judgement):
    """Which counts are not 0."""
    return {name for name in COUNTS if getattr(judgement, name)}


def test_a_world_in_which_nothing_went_wrong_is_found_to_be_right(world):
    judgement = world.judge()
    assert judgement.findings == [] and wrong(judgement) == set()
    assert (judgement.pushes, judgement.acknowledged, judgement.replies, judgement.calls) == (12, 12, 1, 1)


def lose(world):
    world.change("messages", "id4")
    world.change("effects", "id4")


def swap_on_the_topic(world):
    world.change("messages", "id1", offset=4)
    world.change("messages", "id4", offset=1)
    world.change("effects", "id1", number=4)
    world.change("effects", "id4", number=1)


def swap_in_the_table(world):
    world.change("effects", "id1", number=4)
    world.change("effects", "id4", number=1)


def scatter_a_fan(world):
    world.change("messages", "id4", partition=2)


def take_effect_twice(world):
    world.seen.told *= 2


def take_no_effect(world):
    world.seen.told.clear()


def reject_and_take_effect(world):
    world.seen.results[:] = [("r1.tags", "rejected")]


def say_two_things_of_one_call(world):
    world.seen.results.append(("r1.tags", "unknown"))


def tell_somebody_else(world):
    world.seen.told[:] = [Told("wx1", "fan1", "3 tell")]


@pytest.mark.parametrize("what, counts", [
    (lose, {"lost"}),
    (lambda world: world.again("messages", "id4"), {"duplicates"}),
    (lambda world: world.again("effects", "id4"), {"effects_doubled"}),
    (swap_on_the_topic, {"order_breaks"}),
    (swap_in_the_table, {"order_breaks"}),
    (scatter_a_fan, {"order_breaks"}),
    (lambda world: world.change("messages", "id4", key="wx0/fan1"), {"cross_account"}),
    (lambda world: world.change("messages", "id4", appid="wx0"), {"cross_account"}),
    (lambda world: world.change("effects", "id4", openid="fan2"), {"cross_account"}),
    (lambda world: world.change("effects", "id4", content="another's"), {"cross_account"}),
    (tell_somebody_else, {"cross_account"}),
    (lambda world: world.answer("id9", CROSSED), {"cross_account"}),
    (lambda world: world.change("effects", "id4"), {"unsettled"}),
    (lambda world: world.seen.letters.remove("id7"), {"unsettled"}),
    (lambda world: world.seen.letters.append("id4"), {"unsettled"}),
    (take_effect_twice, {"calls_wrong"}),
    (take_no_effect, {"calls_wrong"}),
    (reject_and_take_effect, {"calls_wrong"}),
    (say_two_things_of_one_call, {"calls_wrong"}),
    (lambda world: world.seen.results.clear(), {"calls_wrong"}),
    (lambda world: world.seen.result_effects.clear(), {"calls_wrong"}),
    (lambda world: world.seen.result_effects.append("r1.tags"), {"calls_wrong"}),
    (lambda world: world.seen.requests.clear(), {"calls_wrong"}),
    (lambda world: world.answer("id4", NO_ANSWER, 5.0), {"late"}),
    (lambda world: world.answer("id4", CUT), {"late"}),
    (lambda world: world.answer("id4", ILLEGAL), {"late"}),
    (lambda world: world.answer("id4", SUCCESS, 5.01), {"late"}),
])
def test_each_oracle_finds_what_it_looks_for_and_nothing_else(world, what, counts):
    what(world)
    judgement = world.judge()
    assert wrong(judgement) == counts
    assert bool(judgement.findings) == (counts != {"duplicates"})       # those are counted, not held against anybody


def test_a_push_that_was_not_acknowledged_may_be_absent_or_there(world):
    for id_ in ("id4", "id6"):
        world.answer(id_, UNAVAILABLE, 3.6)
    lose(world)
    judgement = world.judge()
    assert judgement.findings == [] and (judgement.absent, judgement.harmless, judgement.acknowledged) == (1, 1, 10)
    assert judgement.slowest_s == 3.6


def test_what_nobody_pushed_is_found(world):
    world.again("messages", "id4")
    world.change("messages", "id4", id="stranger")
    world.change("effects", "id1", id="nobody")
    findings = "\n".join(world.judge().findings)
    assert "1 records that nobody pushed: stranger ('4' of fan1)" in findings
    assert "1 effects of events that are on no topic: nobody" in findings


def test_a_second_dead_letter_of_one_event_is_counted(world):
    world.seen.letters.append("id7")
    judgement = world.judge()
    assert (judgement.findings, judgement.letters_doubled) == ([], 1)


def test_two_pushes_under_way_at_once_may_stand_in_either_order(world):
    world.answer("id1", SUCCESS, 3.5)           # answered only after the next was begun
    swap_on_the_topic(world)
    assert world.judge().findings == []


def test_an_ingress_that_was_taken_away_is_excused_and_only_that_one(world):
    world.answer("id4", CUT)
    world.answer("id6", NO_ANSWER, 5.0)
    world.pushes["id6"].tries[0].ingress = 1
    judgement = world.judge(excused=lambda ingress, began, ended: ingress == 0 and began <= 4.1 and ended >= 4)
    assert judgement.late == 1 and "id6" in judgement.findings[0]


def test_the_pushers_own_lateness_is_not_held_against_an_answer(world):
    world.answer("id4", SUCCESS, 5.2)
    world.pushes["id4"].tries[0].lateness = 0.3
    assert world.judge().findings == []
    world.answer("id4", NO_ANSWER, 5.0)
    world.pushes["id4"].tries[0].lateness = 0.16
    assert world.judge().late == 1
    world.pushes["id4"].tries[0].lateness = 0.2
    judgement = world.judge()
    assert (judgement.findings, judgement.unjudged) == ([], 1)


def test_what_is_left_to_read_and_what_has_grown_are_found(world):
    judgement = world.judge()
    oracles.judge_lag(judgement, {"probe": {"messages": 3, "probe.results": 0}})
    small = Figures(100_000, 50, 20)
    oracles.judge_figures(judgement, dict.fromkeys("abcd", small), {
        "a": Figures(200_000, 50, 20), "b": Figures(100_000, 150, 20), "c": Figures(100_000, 50, 60), "d": small})
    assert judgement.findings == [
        "1 topics not read to their end: probe messages: 3", "a has grown: memory_kib 100000 -> 200000",
        "b has grown: descriptors 50 -> 150", "c has grown: threads 20 -> 60"]


def test_the_ledger_is_read_piece_by_piece(tmp_path):
    path = tmp_path / "ledger.jsonl"
    push = '{"what":"push","id":"%s","number":1,"appid":"wx0","openid":"fan","content":"1","began":1.0}\n'
    outcome = '{"what":"try","id":"%s","ingress":0,"began":1.0,"seconds":0.5,"outcome":"%s","why":"","lateness":0}\n'
    path.write_text(push % "a" + outcome % ("a", UNAVAILABLE) + outcome % ("a", SUCCESS))
    ledger = Ledger(path)
    taken = ledger.take()
    assert list(taken) == ["a"] and taken["a"].acknowledged and taken["a"].acknowledged_at == 1.5
    with open(path, "a", encoding="utf-8") as file:
        file.write(push % "b")
    taken = ledger.take()
    assert list(taken) == ["b"] and not taken["b"].acknowledged
