"""common/kafka on a real Kafka: topic administration, look-up by time, commits at a rebalance.

The checks themselves are C, in common/kafka/broker_test.c; the unit tests run on the mock cluster, which has
none of these.
"""

import subprocess

import pytest

from wxbusdev import paths


@pytest.mark.real_kafka
def test_the_kafka_library_on_a_real_broker(kafka):
    program = paths.build_dir() / "test" / "broker_test"
    answer = subprocess.run([program, kafka.bootstrap_servers], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True, timeout=120, check=False)
    assert answer.returncode == 0, answer.stdout
