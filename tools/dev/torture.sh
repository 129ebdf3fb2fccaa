# ./dev torture [--most N] [--seconds N] [--seed N] [--only TEST]

command_torture() {
	deps_require BUILD PYTHON
	build dev
	exec "$PYTHON" tools/dev/torture.py "$@"
}
