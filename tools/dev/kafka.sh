# ./dev kafka [PORT]

command_kafka() {
	deps_require KAFKA
	exec "$PYTHON" tools/dev/kafka.py "$@"
}
