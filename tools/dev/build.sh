# Building with CMake's presets. Sourced by ./dev (bash).

# build PRESET [TARGET...]: configure and build into build/PRESET, with progress on the screen and everything
# else in a log, which is named if it fails.
build() {
	local preset=$1 log="$LOGS/build-$1.log" started=$SECONDS
	local configure=(cmake --preset "$preset")
	local make=(cmake --build --preset "$preset")

	shift
	[ $# -eq 0 ] || make+=(--target "$@")
	if command -v ccache >/dev/null; then
		configure+=(-D CMAKE_C_COMPILER_LAUNCHER=ccache)
	fi
	"${configure[@]}" >"$log" 2>&1 || build_failed "$preset" "$log" || return 1
	"${make[@]}" 2>&1 | tee -a "$log" | build_progress "$preset" || build_failed "$preset" "$log" || return 1
	echo "built build/$preset in $((SECONDS - started)) s"
}

# Ninja's "[12/345] ..." lines, one over the other on a terminal, each tenth of the way elsewhere.
build_progress() {
	local line done all tenth=-1

	while IFS= read -r line; do
		[[ $line != *globbed* && $line =~ ^\[([0-9]+)/([0-9]+)\] ]] || continue
		done=${BASH_REMATCH[1]} all=${BASH_REMATCH[2]}
		if [ -t 1 ]; then
			printf '\r\033[Kbuilding %s %s' "$1" "${line:0:100}"
		elif [ $((done * 10 / all)) -ne $tenth ]; then
			tenth=$((done * 10 / all))
			echo "building $1: $done of $all"
		fi
	done
	[ ! -t 1 ] || printf '\r\033[K'
}

build_failed() {
	echo "building $1 failed; the end of $2:" >&2
	# From the first failed step on; a failure to configure has none.
	sed -n '/^FAILED:/,$p' "$2" | head -n 60 >&2
	grep -q '^FAILED:' "$2" || tail -n 30 "$2" >&2
	return 1
}

# sanitized COMMAND...: with what the sanitizers are to look for; what it was built with says which options count. A
# program of the preset tsan goes on after a report and ends with 66.
sanitized() {
	TSAN_OPTIONS=second_deadlock_stack=1 \
		ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1 \
		UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 "$@"
}
