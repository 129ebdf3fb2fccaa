"""Unit tests against a real PostgreSQL, which are skipped where there is none."""

import subprocess

import pytest

from wxbusdev import paths
from wxbusdev.service import program_environment


@pytest.mark.parametrize("program", ["pg_test", "pg_migrate_test", "pg_rewrite_test", "business_once_test",
                                     "business_deliver_test", "business_deliver_replay_test"])
def test_pg(postgres, program):
    url = postgres.create_database(program)
    answer = subprocess.run([paths.build_dir() / "test" / program], env=program_environment(
        {"WXBUS_TEST_DATABASE_URL": url}), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=120, check=False)
    assert answer.returncode == 0, answer.stdout
    assert "SKIPPED" not in answer.stdout
