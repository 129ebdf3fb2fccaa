# ./dev faults [--minutes N] [--seed N] [--only FAULT]... [--rate N] [--list]

command_faults() {
	local arguments=" $* "

	deps_require BUILD DATABASE PYTHON TEST KAFKA
	case $arguments in
	*" --list "* | *" --help "* | *" -h "*) ;;
	*) build dev ;;
	esac
	PYTHONPATH=$PYTHONPATH:$ROOT/tests/integration:$ROOT/tests/faults exec "$PYTHON" -m wxbus_faults "$@"
}
