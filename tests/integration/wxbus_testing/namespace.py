"""A network of the test's own in which api.weixin.qq.com is a server of ours, and nothing else can be reached.

A TLS front listens there on 127.0.0.1:443 with a certificate of the test's own authority; what it takes off the wire
comes through a Unix socket, the only thing that both networks see, to a port of ours. It has to be root's machine:
where namespaces are not permitted this raises, for a test that cannot run must not pass.

    with Namespace(folder, "api.weixin.qq.com", port) as namespace:
        namespace.run(["curl", "https://api.weixin.qq.com/"], env)
"""

import asyncio
import datetime
import os
import pathlib
import secrets
import shutil
import ssl
import subprocess
import sys
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class NamespaceError(AssertionError):
    """This machine does not let us make a network of our own."""


class Namespace:
    """Made and taken away by `with`."""

    def __init__(self, folder, host, port):
        self.name = "wxbus-" + secrets.token_hex(4)
        self._etc = pathlib.Path("/etc/netns") / self.name          # `ip netns exec` lays it over /etc
        self._folder, self._host, self._port = pathlib.Path(folder), host, port
        self._socket = self._folder / "front.sock"
        self.ca_file = self._folder / "ca.pem"
        self._front = None

    def __enter__(self):
        try:
            self._ip("netns", "add", self.name)
            self._etc.mkdir(parents=True)
            (self._etc / "hosts").write_text(f"127.0.0.1 localhost\n127.0.0.1 {self._host}\n")
            (self._etc / "resolv.conf").write_text("")
            self._ip("-n", self.name, "link", "set", "lo", "up")
            write_certificates(self._folder, self._host)
            self._start_relay()
            self._start_front()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def run(self, command, env, timeout_s=60):
        """The CompletedProcess of a command in this network."""
        return subprocess.run(["ip", "netns", "exec", self.name, *map(str, command)], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=timeout_s, check=False, env=env)

    def start(self, command, env, **options):
        """The Popen of a command in this network, that reads and writes pipes."""
        return subprocess.Popen(["ip", "netns", "exec", self.name, *map(str, command)], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, text=True, env=env, **options)

    def reach(self, socket_path):
        """A port of our own network that leads to a Unix socket on which a program in this network listens."""
        async def listen():
            return await asyncio.start_server(
                lambda reader, writer: _join(reader, writer, asyncio.open_unix_connection(socket_path)), "127.0.0.1", 0)

        server = asyncio.run_coroutine_threadsafe(listen(), self._loop).result(10)
        return server.sockets[0].getsockname()[1]

    def close(self):
        if self._front:
            self._front.stdin.close()       # its sign to end
            self._front.wait(10)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)
            self._front = None
        subprocess.run(["ip", "netns", "delete", self.name], capture_output=True, check=False)
        shutil.rmtree(self._etc, ignore_errors=True)

    def _ip(self, *arguments):
        try:
            done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
        except FileNotFoundError:
            raise NamespaceError("there is no `ip` here: install iproute2") from None
        if done.returncode != 0:
            raise NamespaceError(f"ip {' '.join(arguments)}: {done.stderr.strip()}: "
                                 "network namespaces are not permitted here, so this test cannot run")

    def _start_relay(self):
        """In this network: from the Unix socket to the port."""
        self._loop = asyncio.new_event_loop()
        started = threading.Event()

        async def start():
            await asyncio.start_unix_server(
                lambda reader, writer: _join(reader, writer, asyncio.open_connection("127.0.0.1", self._port)),
                self._socket)
            started.set()

        def run():
            self._loop.create_task(start())
            self._loop.run_forever()

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()
        if not started.wait(10):
            raise NamespaceError("the relay does not start")

    def _start_front(self):
        command = ["ip", "netns", "exec", self.name, sys.executable, __file__, self._socket,
                   self._folder / "front.pem"]
        self._front = subprocess.Popen([str(part) for part in command], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, text=True)
        if self._front.stdout.readline() != "ready\n":
            raise NamespaceError("the TLS front does not start")


def write_certificates(folder, host):
    """ca.pem, and front.pem with the key and the certificate of `host`."""
    now = datetime.datetime.utcnow()

    def certificate(name, key, issuer, issuer_key, *extensions):
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(issuer).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - datetime.timedelta(hours=1))
        builder = builder.not_valid_after(now + datetime.timedelta(days=1))
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an authority of one test")])
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    ca_id = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    (folder / "ca.pem").write_bytes(certificate(
        ca_name, ca_key, ca_name, ca_key, (x509.BasicConstraints(True, None), True), (usage, True), (ca_id, False)))
    (folder / "front.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                          serialization.NoEncryption()) +
        certificate(name, key, ca_name, ca_key, (x509.SubjectAlternativeName([x509.DNSName(host)]), False),
                    (x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ca_id), False)))


async def _join(reader, writer, other):
    """Bytes both ways until either side ends."""
    other_reader, other_writer = await other

    async def pump(source, sink):
        try:
            while piece := await source.read(65536):
                sink.write(piece)
                await sink.drain()
        except OSError:
            pass
        sink.close()

    await asyncio.gather(pump(reader, other_writer), pump(other_reader, writer))


async def _front(socket_path, certificate):
    """Runs inside: TLS on port 443, in plain to the socket. Ends with its standard input."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    await asyncio.start_server(
        lambda reader, writer: _join(reader, writer, asyncio.open_unix_connection(socket_path)),
        "127.0.0.1", 443, ssl=context)
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_front(*sys.argv[1:]))
    os._exit(0)
