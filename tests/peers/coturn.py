"""coturn: a TURN server with one user, over UDP, TCP and TLS."""

from __future__ import annotations

import datetime
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ice.gathering.servers import ServerTransport, TurnServer
from tests.peers.namespace import LOOPBACK, Namespace
from tests.peers.process import PeerError, Program, Programs, free_ports, until
from tests.peers.registry import find_program

USER = "alice"
PASSWORD = "open-sesame"
REALM = "turn.example.org"

_RELAY_PORTS = (49152, 65535)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coturn:
    """A running server.

    Attributes:
        host: address that it listens on and relays from.
        port: port for UDP and TCP.
        tls_port: port for TLS.
        certificate: what a client must trust.
        program: its process.
        user: its one user.
        secret: the password of that one.
        name: what its certificate names.
    """

    host: str
    port: int
    tls_port: int
    certificate: Path
    program: Program
    user: str = USER
    secret: str = PASSWORD
    name: str = REALM

    def server(self, transport: ServerTransport = "udp", *, password: str | None = None) -> TurnServer:
        """How a client reaches it."""
        tls = transport == "tls"
        return TurnServer(
            host=self.host,
            port=self.tls_port if tls else self.port,
            transport=transport,
            username=self.user,
            password=self.secret if password is None else password,
            server_name=self.name if tls else None,
            ca_file=self.certificate if tls else None,
        )


def write_certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A self-signed certificate for a name, good for a day; its file and that of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "certificate.pem", folder / "key.pem"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate_file, key_file


@asynccontextmanager
async def coturn(
    programs: Programs,
    *,
    place: Namespace = LOOPBACK,
    port: int | None = None,
    tls_port: int | None = None,
    nonce_lifetime_s: int = 600,
    more: Sequence[str] = (),
) -> AsyncIterator[Coturn]:
    """Run a server.

    Args:
        programs: of the test.
        place: where it runs, listens and relays from.
        port: for UDP and TCP; None takes a free one.
        tls_port: for TLS; None takes a free one.
        nonce_lifetime_s: seconds after which a nonce is stale.
        more: further lines of its configuration.
    """
    host = place.host
    with place.entered():
        free = free_ports(2, host)
    port, tls_port = port or free[0], tls_port or free[1]
    with tempfile.TemporaryDirectory(prefix="coturn-") as name:
        folder = Path(name)
        certificate, key = write_certificate(folder, REALM)
        lines = [
            f"listening-ip={host}",
            f"relay-ip={host}",
            f"listening-port={port}",
            f"tls-listening-port={tls_port}",
            f"min-port={_RELAY_PORTS[0]}",
            f"max-port={_RELAY_PORTS[1]}",
            "lt-cred-mech",
            f"user={USER}:{PASSWORD}",
            f"realm={REALM}",
            f"stale-nonce={nonce_lifetime_s}",
            f"cert={certificate}",
            f"pkey={key}",
            f"userdb={folder / 'users'}",
            f"pidfile={folder / 'pid'}",
            "log-file=stdout",
            "simple-log",
            "verbose",
            "allow-loopback-peers",
            # Without a password of its console it takes no loopback peers.
            "no-cli",
            f"cli-password={PASSWORD}",
            "relay-threads=1",
            "no-dtls",
            "no-multicast-peers",
            *more,
        ]
        config = folder / "turnserver.conf"
        config.write_text("\n".join(lines) + "\n", encoding="utf-8")
        program = await programs.start(
            "coturn",
            [*place.prefix, find_program("turnserver") or "turnserver", "-c", str(config)],
            cwd=folder,
        )
        server = Coturn(host=host, port=port, tls_port=tls_port, certificate=certificate, program=program)
        try:
            await ready(server, place)
            yield server
        finally:
            await program.stop()


async def ready(server: Coturn, place: Namespace = LOOPBACK) -> None:
    """Wait until it listens; raises PeerError where it has ended."""
    program = server.program

    async def listens() -> bool:
        if program.exit_code is not None:
            raise PeerError(f"coturn ended with {program.exit_code}: {program.text()[-2000:]}")
        return await place.accepts(server.port) and await place.accepts(server.tls_port)

    await until(listens, "coturn listens")
