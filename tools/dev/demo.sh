# ./dev demo [--check]

command_demo() {
	local programs

	case ${1:-} in
	"" | --check) ;;
	*)
		echo "./dev demo: unknown option '$1'" >&2
		return 2
		;;
	esac
	deps_require BUILD DATABASE PYTHON DEMO
	programs=$("$PYTHON" -c 'from wxbusdev import deployment; print(*deployment.PROGRAMS)')
	build dev $programs
	exec "$PYTHON" tools/dev/demo.py "$@"
}
