"""Kafka fails in every way it can while pushes come in. No push is told `success` that is not on its topic: each
gets its answer in time, and a ledger outside of everything says so."""

import contextlib
import http.client
import signal
import threading
import time

import pytest

from wxbus_testing import topics
from wxbus_testing.ingress import ANSWER_LIMIT_S, PUBLISH_LIMIT_S, Traffic, check_unavailable
from wxbus_testing.timing import margin
from wxbusdev.kafka import Kafka

pytestmark = pytest.mark.real_kafka

BACK_WITHIN_S = 2                       # from Kafka's return to pushes that work
AT_ONCE_S = 0.5


@pytest.fixture(scope="module")
def bench(new_bench):
    return new_bench()


@pytest.fixture
def start(bench):
    """start(settings, ...): the ingress, which must end in order with its test."""
    def go(settings=None, **options):
        return bench.start(settings=settings, **options)

    yield go
    if "wxbus-ingress" in bench.running:
        bench.finish()


@contextlib.contextmanager
def away(kafka, go, come_back):
    """Kafka away; inside, back() brings it back. It is back afterwards in any case."""
    is_away = [True]

    def back():
        is_away[0] = False
        getattr(kafka, come_back)()
        return time.monotonic()

    getattr(kafka, go)()
    try:
        yield back
    finally:
        if is_away[0]:
            back()


def stalled(kafka):
    """Connections stay open, new ones are accepted, and nothing is ever answered."""
    return away(kafka, "pause", "resume")


def check_ledger(bench, entries, topic="messages"):
    """Every push that got `success` is on the topic."""
    told = {message.event_id for message, answer in entries if answer.success}
    there = {record.event_id for record in bench.reader(topic).read_to_end()}
    assert told <= there, f"{len(told - there)} of {len(told)} pushes with success are lost"
    return told


def burst(bench, count):
    """`count` new messages sent at once: [(Message, future)]."""
    messages = [bench.message() for _ in range(count)]
    return [(message, bench.send_async(message)) for message in messages]


def results(sent):
    return [(message, future.result()) for message, future in sent]


def report(record_property, name, answers):
    """The times of some answers, for the run's record."""
    times = sorted(answer.seconds for answer in answers)
    text = f"{len(times)} answers from {times[0]:.3f} to {times[-1]:.3f} s" if times else "none"
    record_property(name, text)
    print(f"{name}: {text}")


@pytest.mark.parametrize("go, come_back", [("stop", "start"), ("kill", "start"), ("pause", "resume")],
                         ids=["stopped", "crashed and refusing", "stalled"])
def test_without_kafka_no_push_succeeds_and_soon_after_its_return_all_do(bench, kafka, start, record_property, go,
                                                                         come_back):
    start()
    with Traffic(bench) as traffic:
        traffic.wait_success(sent_after=time.monotonic())
        with away(kafka, go, come_back) as back:
            gone = time.monotonic()
            sent = results(burst(bench, 60))
            was_back = back()
        first = traffic.wait_success(sent_after=was_back)
        time.sleep(max(0, was_back + BACK_WITHIN_S + 0.5 - time.monotonic()))

    report(record_property, f"{go}: without Kafka", [answer for _, answer in sent])
    report(record_property, f"{go}: at any time", [answer for _, answer in traffic.entries])
    record_property("works again after", f"{first.ended_at - was_back:.3f} s")
    print(f"works again after {first.ended_at - was_back:.3f} s")
    for _, answer in sent:
        check_unavailable(answer)
    for answer in traffic.sent_between(gone, was_back - ANSWER_LIMIT_S):
        check_unavailable(answer)
    for _, answer in traffic.entries:
        assert answer.success or answer.status == 503, answer
        assert answer.in_time, answer
    assert first.ended_at - was_back <= margin(BACK_WITHIN_S)
    assert all(answer.success for answer in traffic.sent_between(was_back + margin(BACK_WITHIN_S)))
    assert len(check_ledger(bench, traffic.entries + sent)) > 10


def test_a_push_that_got_503_is_taken_when_weixin_sends_it_again(bench, kafka, start):
    start()
    message = bench.message()
    with stalled(kafka) as back:
        check_unavailable(bench.send(message))
        again = bench.send_async(message)
        back()
        assert again.result().success
    assert bench.published(message) >= 1


def test_a_push_that_came_through_in_spite_of_its_503_is_not_published_again_once_a_replier_has_spoken(bench, kafka,
                                                                                                      start):
    start()
    message = bench.message(bench.put_account(["a"]))
    with stalled(kafka) as back:
        check_unavailable(bench.send(message))
        back()
    bench.wait_published(message)       # it lay in the broker's receive buffer
    copies = bench.published(message)
    bench.verdict(message, "a", "reply", "it did come through")
    bench.wait_heard(message, "wxbus-ingress", "reply")
    retry = message.push()
    assert message.open_reply(bench.send(retry), retry)["Content"] == "it did come through"
    assert bench.published(message) == copies


def test_a_topic_deleted_under_a_running_ingress_costs_no_push_and_works_again_once_made(new_bench, record_property):
    bench = new_bench()
    bench.start()
    entries = results(burst(bench, 20))
    assert all(answer.success for _, answer in entries)
    check_ledger(bench, entries)

    topics.delete_topic(bench.kafka.bootstrap_servers, bench.topic("messages"))
    sent = results(burst(bench, 20))
    report(record_property, "topic missing", [answer for _, answer in sent])
    for _, answer in sent:
        check_unavailable(answer)

    with Traffic(bench, threads=4) as traffic:
        bench.create_topics("messages")
        made = time.monotonic()
        first = traffic.wait_success(sent_after=made)
        time.sleep(max(0, made + BACK_WITHIN_S + 0.5 - time.monotonic()))
    print(f"works again after {first.ended_at - made:.3f} s, "
          f"{bench.metric('producer_rebuilds_total'):.0f} producers rebuilt")
    assert first.ended_at - made <= margin(BACK_WITHIN_S)
    assert all(answer.success for answer in traffic.sent_between(made + margin(BACK_WITHIN_S)))
    with topics.TopicReader(bench.kafka.bootstrap_servers, bench.topic("messages")) as reader:
        there = {record.event_id for record in reader.read_to_end()}
    assert {message.event_id for message, answer in traffic.entries if answer.success} <= there


def test_a_producer_that_ends_with_a_fatal_error_is_made_anew_without_a_restart(new_bench, logs):
    """A broker that lost what it had acknowledged no longer knows the producer's sequence numbers; the library
    then gives its producer up for good."""
    broker = Kafka(logs / "kafka-that-forgets.log")
    try:
        broker.start()
        bench = new_bench(broker=broker)
        bench.start()
        assert all(answer.success for _, answer in results(burst(bench, 30)))
        broker.stop()
        broker.keep_data()
        broker.start()
        lost = results(burst(bench, 60))
        assert all(answer.success for _, answer in lost)
        broker.kill()
        broker.lose_data()
        broker.start()
        entries = results(burst(bench, 60))
        print(f"{bench.metric('producer_rebuilds_total'):.0f} producers rebuilt")
        report(lambda *_: None, "after the loss", [answer for _, answer in entries])
        assert bench.metric("producer_rebuilds_total") >= 1
        assert all(answer.success for _, answer in entries)
        check_ledger(bench, entries)
        bench.finish()
        bench.close()
    finally:
        broker.close()


def test_a_topic_never_made_keeps_the_ingress_unready_and_its_pushes_from_success(bench, start):
    service = start({"WXBUS_TOPIC_PREFIX": bench.deployment.topic_prefix + "nowhere."}, ready=False)
    for _, answer in results(burst(bench, 10)):
        check_unavailable(answer)
    assert not service.ready()


def test_a_full_queue_is_waited_for_like_kafka(bench, kafka, start, record_property):
    start({"WXBUS_KAFKA_QUEUE_BUFFERING_MAX_MESSAGES": 10})
    with stalled(kafka) as back:
        sent = results(burst(bench, 60))
        report(record_property, "queue full", [answer for _, answer in sent])
        for _, answer in sent:
            check_unavailable(answer)
        waiting = burst(bench, 60)      # six times what the queue holds
        bench.wait_metric("waiting", 60)
        back()
        answers = results(waiting)
    assert all(answer.success for _, answer in answers)
    check_ledger(bench, answers)


def test_503_comes_at_once_only_when_no_slot_is_free(bench, kafka, start, record_property):
    start({"WXBUS_WAITERS": 4, "WXBUS_HTTP_THREADS": 64})
    with stalled(kafka) as back:
        waiting = burst(bench, 4)
        bench.wait_metric("waiting", 4)
        turned_away = results(burst(bench, 20))
        report(record_property, "no slot free", [answer for _, answer in turned_away])
        for _, answer in turned_away:
            assert answer.status == 503 and answer.seconds < margin(AT_ONCE_S), answer
        for _, answer in results(waiting):
            check_unavailable(answer)
        back()
        assert bench.send(bench.message()).success
    bench.wait_metric("answered_total", 24, answer="unavailable")


def test_a_push_before_readiness_waits_as_for_kafka(bench, kafka, start):
    with stalled(kafka) as back:
        service = start(ready=False)
        for _, answer in results(burst(bench, 20)):
            check_unavailable(answer)
        early = burst(bench, 20)
        time.sleep(0.3)
        assert not service.ready()
        back()
        answers = results(early)
    assert all(answer.success for _, answer in answers)
    check_ledger(bench, answers)
    service.wait_ready()


def test_pushes_before_readiness_take_no_more_slots_than_there_are(bench, kafka, start):
    """Each of them holds a thread; beyond the threads connections would wait where no timer sees them."""
    with stalled(kafka):
        start({"WXBUS_WAITERS": 8, "WXBUS_HTTP_THREADS": 16}, ready=False)
        answers = [answer for _, answer in results(burst(bench, 40))]
    assert all(answer.status == 503 for answer in answers)
    assert all(answer.in_time for answer in answers)
    late = [answer for answer in answers if answer.seconds > PUBLISH_LIMIT_S - 0.01]
    assert len(late) == 8
    assert sum(answer.seconds < margin(AT_ONCE_S) for answer in answers) == 32


def test_sigterm_without_kafka_answers_every_waiting_push_and_ends_with_0(bench, kafka, start, record_property):
    service = start()
    with stalled(kafka):
        waiting = burst(bench, 30)
        bench.wait_metric("waiting", 30)
        asked = time.monotonic()
        service.send(signal.SIGTERM)
        for _, answer in results(waiting):
            check_unavailable(answer)
        bench.finish(asked_before=True)         # status 0
        took = time.monotonic() - asked
    record_property("ends within", f"{took:.3f} s")
    print(f"ended within {took:.3f} s")
    assert took < margin(10)


def test_sigterm_under_load_cuts_no_push_short(bench, start):
    """Until its port refuses connections every push is answered, and with success. Only a connection that came in
    the very moment of the closing may be reset unread, which is as good as refused."""
    service = start()
    entries, reset, faults = [], [], []

    def push_until_refused():
        while True:
            message = bench.message()
            try:
                entries.append((message, bench.send(message)))
            except ConnectionRefusedError:
                return
            except ConnectionResetError:
                reset.append(message)
            except (OSError, http.client.HTTPException) as error:
                faults.append(repr(error))

    threads = [threading.Thread(target=push_until_refused) for _ in range(16)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    service.send(signal.SIGTERM)
    for thread in threads:
        thread.join()
    bench.finish(asked_before=True)
    assert not faults
    assert all(answer.success for _, answer in entries)
    assert len(check_ledger(bench, entries)) == len(entries) > 16
    assert len(reset) <= 2
    assert all(bench.published(message) == 0 for message in reset)
