"""`./dev new-business NAME` in a copy of the tree: all or nothing, and what it makes builds, passes its test, answers a
fan in the demo, and is deployed like the others."""

import os
import shutil
import subprocess
import sys

import pytest

from wxbusdev import paths
from wxbusdev.deployment import PROGRAMS
from wxbusdev.service import program_environment

NAME = "corner-shop"


def run(tree, *command, status=0, timeout_s=280):
    """What it printed; programs are those of the copy's own build."""
    environment = program_environment({
        "PYTHONPATH": tree / "tools" / "dev", "PYTHONDONTWRITEBYTECODE": "1",
        # So that a compiler cache, if there is one, knows the files of another copy again.
        "CCACHE_BASEDIR": tree, "CCACHE_NOHASHDIR": "yes",
        "WXBUS_TEST_LOGS": tree / "build" / "logs" / "integration",
        **{name: os.environ.get(name) for name in ("XDG_CACHE_HOME", "WXBUS_TEST_SIDE")}})
    answer = subprocess.run([str(word) for word in command], cwd=tree, env=environment, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout_s, check=False)
    assert answer.returncode == status, answer.stdout
    return answer.stdout


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of the working files."""
    copy = tmp_path_factory.mktemp("new-business") / "wxbus"
    shutil.copytree(paths.ROOT, copy, symlinks=True,
                    ignore=shutil.ignore_patterns(".git", "build", "secrets", "__pycache__"))
    return copy


def contents(tree):
    return {path: path.read_bytes() if path.is_file() else None for path in tree.rglob("*")
            if tree / "build" not in (path, *path.parents)}


@pytest.mark.parametrize("name, why", [
    ("Shop", "no name of a business"), ("2shop", "no name of a business"), ("shop-", "no name of a business"),
    ("my_shop", "no name of a business"), ("shop.test", "no name of a business"), ("../shop", "no name of a business"),
    ("s" * 41, "no name of a business"), ("", "no name of a business"), ("on", "taken"), ("sdk", "exists"),
    ("auto-reply", "exists"), ("kafka", "a service 'kafka'"), ("--help", "usage")])
def test_a_name_that_cannot_be_is_refused_and_leaves_nothing(tree, name, why):
    before = contents(tree)
    assert why in run(tree, "./dev", "new-business", name, status=2 if why == "usage" else 1)
    assert contents(tree) == before


def test_a_failure_on_the_way_leaves_nothing(tree):
    in_the_way = tree / "deploy" / "observability" / ".prometheus.yml.new"      # of the file that is changed last
    in_the_way.mkdir()
    before = contents(tree)
    assert "new-business: " in run(tree, "./dev", "new-business", NAME, status=1)
    assert contents(tree) == before
    in_the_way.rmdir()


@pytest.fixture(scope="module")
def made(tree):
    """The business, and of the whole only what it needs, built; the other programs are those of this run."""
    run(tree, "./dev", "new-business", NAME)
    launcher = ["-D", "CMAKE_C_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
    # Without the optimiser: what is compiled here is compiled elsewhere with all its warnings.
    run(tree, "cmake", "--preset", "dev", "-D", "CMAKE_BUILD_TYPE=Debug", "-D", "CMAKE_C_FLAGS_DEBUG=-O0", *launcher)
    run(tree, "cmake", "--build", "--preset", "dev", "--target", f"wxbus-{NAME}", "corner_shop_business_test")
    for program in PROGRAMS:
        shutil.copy(paths.binary(program), tree / "build" / "dev" / "bin")
    return tree


def test_it_passes_its_test(made):
    answer = run(made, "ctest", "--test-dir", "build/dev", "-R", "^corner_shop_", "--no-tests=error", "--output-on-failure")
    assert "100% tests passed" in answer


def test_it_answers_a_fan_in_the_demo(made):
    answer = run(made, sys.executable, "tools/dev/demo.py", "--check")
    assert f"to a fan's \"hello\" {NAME} says: {NAME} has read your message." in answer


def test_it_is_deployed_like_the_others(made):
    answer = run(made, sys.executable, "-m", "pytest", "-q", "tests/integration/test_deploy_files.py")
    assert "passed" in answer
    jobs = (made / "deploy" / "observability" / "prometheus.yml").read_text()
    assert f"names: [{NAME}]" in jobs


def test_it_is_made_once(made):
    before = contents(made)
    assert f"services/business/{NAME} exists" in run(made, "./dev", "new-business", NAME, status=1)
    assert contents(made) == before
