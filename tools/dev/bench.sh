# ./dev bench [--quick] [--only PART]

command_bench() {
	deps_require BUILD DATABASE PYTHON KAFKA BENCH
	build dev
	exec "$PYTHON" tools/dev/bench.py "$@"
}
