# The Debian packages that wxbus needs, by purpose: the one list. Sourced by ./dev (bash).
# Debian 12 and 13 have all of them; every deps_require prints and installs only what is missing.

DEPS_BUILD="build-essential cmake ninja-build pkg-config libcivetweb-dev librdkafka-dev libpq-dev
	libcurl4-openssl-dev libssl-dev libjson-c-dev libexpat1-dev libpcre2-dev libcmocka-dev uthash-dev zlib1g-dev"
DEPS_DATABASE="postgresql postgresql-client"
DEPS_KAFKA="python3 default-jre-headless maven"
DEPS_PYTHON="python3-cryptography"
DEPS_DEMO="kcat"
DEPS_TEST="python3-pytest python3-pytest-timeout python3-jsonschema python3-yaml python3-confluent-kafka python3-psycopg2 kcat
	chromium chromium-driver python3-selenium fonts-wqy-microhei wrk valgrind"
DEPS_BENCH="valgrind wrk"
DEPS_COMPOSE="docker.io docker-compose mmdebstrap iptables iproute2"
DEPS_CLANG="clang llvm"
DEPS_FORMAT="clang-format"
DEPS_COVERAGE="gcovr"

# Below this the parser accepts what it should refuse (Debian 12 images may start older).
EXPAT_AT_LEAST=2.5.0-1+deb12u5

DEPS_NOW=""            # for the message of a machine where we cannot install

deps_installed() {
	[ "$(dpkg-query -W -f='${db:Status-Abbrev}' "$1" 2>/dev/null)" = "ii " ]
}

# deps_expat_is_old VERSION: is that one too old?
deps_expat_is_old() {
	dpkg --compare-versions "$1" lt "$EXPAT_AT_LEAST"
}

deps_renew_expat() {
	local have candidate

	deps_installed libexpat1 || return 0
	have=$(dpkg-query -W -f='${Version}' libexpat1)
	deps_expat_is_old "$have" || return 0
	candidate=$(apt-cache policy libexpat1 | sed -n 's/^ *Candidate: //p')
	if deps_expat_is_old "$candidate"; then
		echo "warning: libexpat1 is $have; $EXPAT_AT_LEAST comes with Debian's security updates" >&2
		return 0
	fi
	deps_install libexpat1
}

# The sanitizer runtime of the distribution's own clang, say libclang-rt-19-dev.
deps_clang_runtime() {
	apt-cache depends clang 2>/dev/null | sed -n 's/^ *Depends: clang-\([0-9]*\)$/libclang-rt-\1-dev/p'
}

# deps_require NAME...: install what these lists (deps_require BUILD TEST) name and the machine lacks.
deps_require() {
	local name package list wanted="" missing=""

	command -v apt-get >/dev/null || {
		echo "this machine has no apt-get: ./dev installs its needs on Debian 12 or 13 only" >&2
		return 1
	}
	for name in "$@"; do
		list="DEPS_$name"
		wanted="$wanted ${!list}"
	done
	for package in $wanted; do
		deps_installed "$package" || missing="$missing $package"
	done
	if [ -n "$missing" ]; then
		deps_install "$missing" || return 1
	fi
	deps_renew_expat || return 1
	case " $* " in
	*" CLANG "*)
		# Known only once apt's lists are there.
		[ -n "$(deps_clang_runtime)" ] || deps_update || return 1
		package=$(deps_clang_runtime)
		deps_installed "$package" || deps_install "$package"
		;;
	esac
}

deps_as_root() {
	if [ "$(id -u)" = 0 ]; then
		env DEBIAN_FRONTEND=noninteractive "$@"
	elif command -v sudo >/dev/null; then
		sudo env DEBIAN_FRONTEND=noninteractive "$@"
	else
		echo "packages must be installed by root, and there is no sudo; as root: apt-get install $DEPS_NOW" >&2
		return 1
	fi
}

deps_update() {
	[ -z "${DEPS_UPDATED:-}" ] || return 0
	DEPS_UPDATED=yes
	deps_as_root apt-get -q update >>"$LOGS/apt.log" 2>&1 || deps_failed "apt-get update"
}

deps_install() {
	DEPS_NOW=$(echo $1)
	echo "installing: $DEPS_NOW"
	deps_update || return 1
	# Two runs of tests side by side may want something at once.
	deps_as_root apt-get -q -y -o DPkg::Lock::Timeout=300 --no-install-recommends install $DEPS_NOW >>"$LOGS/apt.log" 2>&1 ||
		deps_failed "apt-get install"
}

deps_failed() {
	echo "$1 failed; its last lines, all of them in $LOGS/apt.log:" >&2
	tail -n 15 "$LOGS/apt.log" >&2
	return 1
}
