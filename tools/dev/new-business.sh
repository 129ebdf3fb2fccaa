# ./dev new-business NAME

command_new-business() {
	deps_require PYTHON
	exec "$PYTHON" tools/dev/new_business.py "$@"
}
