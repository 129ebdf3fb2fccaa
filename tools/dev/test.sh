# ./dev test: what CI runs. If the programs cannot be built that ends it; otherwise every part runs even after one has
# failed, and a part in which no test ran has failed.

command_test() {
	local kafka=auto sanitize=no long=no compose=no coverage=no only="" limit=45m option
	local jobs=$((3 * $(nproc)))            # unit tests mostly wait: for brokers, for time

	while [ $# -gt 0 ]; do
		option=$1
		shift
		case $option in
		--kafka=real | --kafka=embedded) kafka=${option#--kafka=} ;;
		--long) long=yes limit=4h ;;
		--sanitize | --sanitize=address) sanitize=asan ;;
		--sanitize=thread) sanitize=tsan ;;
		--compose) compose=yes ;;
		--coverage) coverage=yes ;;
		-k)
			[ $# -gt 0 ] || { echo "./dev test: -k needs an expression" >&2; return 2; }
			only=$1
			shift
			;;
		*)
			echo "./dev test: unknown option '$option'" >&2
			return 2
			;;
		esac
	done

	deps_require BUILD DATABASE PYTHON TEST
	[ $compose = no ] || kafka=real
	kafka=$(test_choose_kafka "$kafka")
	export WXBUS_TEST_KAFKA=$kafka WXBUS_TEST_LONG=$long
	TEST_FAILED=""
	if [ $coverage = yes ]; then
		test_coverage "$jobs" "$limit" "${only:-test_ingress or test_pg or test_kafka or test_environment}"
	elif [ $compose = yes ]; then
		build dev
		test_engine
		test_part "image and docker-compose.yml" test_compose "$limit" ${only:+-k "$only"}
	elif [ -n "$only" ]; then
		build dev
		test_part "integration tests, $kafka Kafka" test_integration dev "$limit" -k "$only"
	else
		deps_require CLANG
		build dev
		if [ "$long" = yes ]; then
			test_everything_long "$kafka" "$limit" "$jobs"
		else
			test_everything "$kafka" "$limit" "$jobs"
		fi
		if [ "$kafka" = real ] && test_engine; then
			test_part "image and docker-compose.yml" test_compose "$limit"
		fi
	fi
	if [ $sanitize != no ]; then
		build $sanitize
		test_part "integration tests under sanitizers ($sanitize), $kafka Kafka" sanitized \
			test_integration $sanitize "$limit" ${only:+-k "$only"}
	fi
	if [ -n "$TEST_FAILED" ]; then
		printf 'FAILED: %s\n' "${TEST_FAILED#, }"
		return 1
	fi
	echo "all passed"
}

# Unit tests mostly wait, and most integration tests too: the sanitized build and its unit tests share the machine with
# them. Those that measure have it for themselves.
test_everything() {
	local kafka=$1 limit=$2 jobs=$3

	test_begin_sanitized "$jobs"
	test_part "unit tests" ctest --preset dev -j "$jobs" --no-tests=error
	test_part "integration tests side by side, $kafka Kafka" test_side_by_side dev "$limit"
	test_part "build with clang and sanitizers, unit tests under them" test_end_sanitized
	test_part "integration tests that measure, $kafka Kafka" test_alone dev "$limit"
}

test_everything_long() {
	local kafka=$1 limit=$2 jobs=$3

	test_part "unit tests" ctest --preset dev -j "$jobs" --no-tests=error
	test_part "integration tests at full size, $kafka Kafka" test_integration dev "$limit"
	test_part "build with clang and sanitizers, unit tests under them" test_sanitized_units "$jobs"
}

# The other compiler's build is the sanitized one, too.
test_sanitized_units() {
	(
		renice -n 19 "$BASHPID" >/dev/null
		build asan
	) && sanitized ctest --preset asan -j "$1" --no-tests=error
}

test_begin_sanitized() {
	set -m
	test_sanitized_units "$1" >"$LOGS/asan.log" 2>&1 </dev/null &
	TEST_SANITIZED=$!
	set +m
	trap test_kill_background EXIT
}

# Ctrl-C reaches only what runs in front.
test_kill_background() {
	local group

	for group in ${TEST_SANITIZED:-} ${TEST_OTHER:-}; do
		kill -- "-$group" 2>/dev/null || true
	done
}

test_end_sanitized() {
	local status=0

	wait "$TEST_SANITIZED" || status=$?
	TEST_SANITIZED=""
	cat "$LOGS/asan.log"
	return "$status"
}

# test_integration PRESET LIMIT [PYTEST_OPTION...]: one run of all that is chosen.
test_integration() {
	local preset=$1 limit=$2

	shift 2
	test_pytest "$preset" "$limit" "$LOGS/integration" "$@"
}

# test_side_by_side PRESET LIMIT: the tests that bear it, in two runs that share the machine and nothing else.
test_side_by_side() {
	local status=0

	set -m
	WXBUS_TEST_PART=second WXBUS_TEST_SIDE=1 \
		test_pytest "$1" "$2" "$LOGS/integration-second" >"$LOGS/second.log" 2>&1 </dev/null &
	TEST_OTHER=$!
	set +m
	WXBUS_TEST_PART=first test_pytest "$1" "$2" "$LOGS/integration-first" || status=$?
	wait "$TEST_OTHER" || status=$?
	TEST_OTHER=""
	cat "$LOGS/second.log"
	return "$status"
}

# test_alone PRESET LIMIT: those that measure, and need the machine for themselves.
test_alone() {
	WXBUS_TEST_PART=alone test_pytest "$1" "$2" "$LOGS/integration"
}

# test_pytest PRESET LIMIT LOGS [PYTEST_OPTION...]. A run that hangs is aborted, and prints where each thread stood.
test_pytest() {
	local preset=$1 limit=$2 logs=$3

	shift 3
	WXBUS_TEST_LOGS=$logs WXBUS_BUILD_DIR=$ROOT/build/$preset timeout --signal=ABRT --kill-after=1m "$limit" \
		"$PYTHON" -m pytest tests/integration "$@"
}

# Can containers run here? If not, one line says why.
test_engine() {
	if [ "$(id -u)" != 0 ]; then
		echo "containers need root, so the compose tests are not selected"
		return 1
	fi
	if ! deps_require COMPOSE || { ! command -v docker >/dev/null && ! deps_install docker-cli; }; then
		echo "no container engine can be installed here, so the compose tests are not selected"
		return 1
	fi
	"$PYTHON" tests/compose/engine.py
}

# test_compose LIMIT [PYTEST_OPTION...]: the image and docker-compose.yml in a container engine of the tests' own.
test_compose() {
	local limit=$1

	shift
	WXBUS_BUILD_DIR=$ROOT/build/dev timeout --signal=INT --kill-after=2m "$limit" "$PYTHON" -m pytest tests/compose "$@"
}

# Real if it can be had: Java, Maven and the jars. Asked for by name, its lack is an error.
test_choose_kafka() {
	if [ "$1" != embedded ]; then
		if { deps_require KAFKA && "$PYTHON" -c 'from wxbusdev import kafka; kafka.jars()'; } >&2; then
			echo real
			return 0
		fi
		[ "$1" = auto ] || return 1
		echo "no real Kafka can be had here: testing on the embedded broker" >&2
	fi
	echo embedded
}

# test_part TITLE COMMAND...: run it and remember whether it failed.
test_part() {
	local title=$1 started=$SECONDS

	shift
	echo "== $title"
	if "$@" </dev/null; then
		echo "== $title: passed in $((SECONDS - started)) s"
	else
		TEST_FAILED="$TEST_FAILED, $title"
		echo "== $title: FAILED after $((SECONDS - started)) s"
	fi
}

# test_coverage JOBS LIMIT EXPR: the unit tests, the fuzz corpora and some integration tests, and what they have run of
# the code. A process that a test kills leaves no counts.
test_coverage() {
	deps_require COVERAGE
	build coverage
	find build/coverage -name '*.gcda' -delete
	test_part "unit tests, counted" ctest --preset coverage -j "$1" --no-tests=error
	test_part "integration tests, counted" test_integration coverage "$2" -k "$3"
	test_part "coverage" "$PYTHON" tools/dev/coverage.py build/coverage
}
