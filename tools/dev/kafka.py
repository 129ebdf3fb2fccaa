#!/usr/bin/python3
"""`./dev kafka`: one Kafka node in the foreground until Ctrl-C; its data is gone afterwards."""

import signal
import sys

from wxbusdev import paths
from wxbusdev.kafka import Kafka


def main():
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 9092
    kafka = Kafka(paths.ROOT / "build" / "logs" / f"kafka-{port}.log", port=port)
    signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals | {signal.SIGCHLD})
    try:
        kafka.start()
        print(f"Kafka on {kafka.bootstrap_servers} (log {kafka.log_path}); Ctrl-C stops it", flush=True)
        while kafka.running and signal.sigwait(signals | {signal.SIGCHLD}) == signal.SIGCHLD:
            pass
        if not kafka.running:
            print(f"Kafka ended by itself with status {kafka.exit_code}; see {kafka.log_path}")
            return 1
        kafka.stop()
    finally:
        kafka.close()
    print("Kafka stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
