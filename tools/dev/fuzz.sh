# ./dev fuzz [SECONDS]: every fuzz target in turn, from its corpus in tests/corpus.

command_fuzz() {
	local seconds=${1:-60} target name corpus log failed=0 ran=0

	[[ $seconds =~ ^[1-9][0-9]*$ ]] || {
		echo "./dev fuzz: SECONDS is a positive number, not '$seconds'" >&2
		return 2
	}
	deps_require BUILD CLANG
	build fuzz
	mkdir -p build/fuzz/findings
	for target in build/fuzz/fuzz/*_fuzz; do
		[ -x "$target" ] || continue
		ran=$((ran + 1))
		name=$(basename "$target" _fuzz)
		corpus=build/fuzz/corpus/$name     # what it learns; tests/corpus holds what is kept
		log=$LOGS/fuzz-$name.log
		mkdir -p "$corpus"
		if fuzz_one "$target" "$seconds" "$corpus" "tests/corpus/$name" >"$log" 2>&1; then
			printf '%-28s ok       %s\n' "$name" "$(grep -E '^Done [0-9]+ runs' "$log" | tail -n 1)"
		else
			failed=$((failed + 1))
			printf '%-28s FINDING  see %s and build/fuzz/findings\n' "$name" "$log"
		fi
	done
	echo "$ran fuzz targets for $seconds s each, $failed with findings"
	[ $ran -gt 0 ] && [ $failed -eq 0 ]
}

fuzz_one() {
	local target=$1 seconds=$2 learnt=$3 kept=$4

	"$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 \
		-artifact_prefix="build/fuzz/findings/$(basename "$target")-" "$learnt" "$kept" </dev/null
}
