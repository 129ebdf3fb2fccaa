# ./dev fuzz [SECONDS] [--keep]: every fuzz target in turn, from its corpus in tests/corpus.

FUZZ_KEPT_MOST=40              # new inputs of a target: each test run replays all

command_fuzz() {
	local seconds=60 keep=no option target name corpus log failed=0 ran=0

	for option in "$@"; do
		if [ "$option" = --keep ]; then
			keep=yes
		elif [[ $option =~ ^[1-9][0-9]*$ ]]; then
			seconds=$option
		else
			echo "./dev fuzz: SECONDS is a positive number, not '$option'" >&2
			return 2
		fi
	done
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
			[ $keep = no ] || fuzz_keep "$target" "$corpus" "tests/corpus/$name" >>"$log" 2>&1
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

	sanitized "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 \
		-artifact_prefix="build/fuzz/findings/$(basename "$target")-" "$learnt" "$kept" </dev/null
}

# fuzz_keep TARGET LEARNT KEPT: of what it learnt, what runs code that nothing kept does. How often code runs does not
# count, of long inputs only the beginning does, and of many inputs the first: they are written by how much they add.
fuzz_keep() {
	local before

	before=$(mktemp)
	sanitized "$1" -set_cover_merge=1 -use_counters=0 -max_len=4096 -rss_limit_mb=2048 "$3" "$2" </dev/null
	find "$3" -type f -newer "$before" -printf '%T@ %p\n' | sort -n | tail -n +$((FUZZ_KEPT_MOST + 1)) | cut -d ' ' -f 2 |
		xargs --no-run-if-empty rm
	rm "$before"
}
