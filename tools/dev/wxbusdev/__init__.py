"""What `./dev` and the integration tests share: a real Kafka, a private PostgreSQL, our processes.

Runs on Debian's /usr/bin/python3 and its python3-* packages only. Everything started here listens on
loopback, is stopped by its own process id, and ends with the Python process that started it.
"""
