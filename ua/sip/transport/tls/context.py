"""From settings to a TLS context: reads the files (shell)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL

from ua.errors import ConfigurationError
from ua.sip.transport.tls.config import TlsConfig

_CIPHERS: Final = b"HIGH:!aNULL:!eNULL:!kRSA:!PSK:!SRP:!MD5:!RC4:!3DES"
"""For TLS 1.2; forward secrecy always. TLS 1.3 has good ones only."""


def tls_context(config: TlsConfig) -> SSL.Context:
    """A context for connections of ours and to us; raises ConfigurationError where a file is of no use."""
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_cipher_list(_CIPHERS)
    context.set_options(SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_COMPRESSION | SSL.OP_NO_TICKET)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_session_id(b"icephone")
    if config.ca_file is None:
        context.set_default_verify_paths()
    else:
        path = config.ca_file.expanduser()
        _read("tls.ca_file", path)
        try:
            context.load_verify_locations(str(path))
        except SSL.Error as error:
            raise ConfigurationError(
                f"tls.ca_file: {path} holds no certificates", hint="it must be PEM text"
            ) from error
    if config.certificate is not None and config.key is not None:
        _show(context, config.certificate, config.key)
    return context


def _show(context: SSL.Context, certificate: Path, key: Path) -> None:
    """Use these as our own."""
    try:
        own, *chain = x509.load_pem_x509_certificates(_read("tls.certificate", certificate))
        context.use_certificate(own)
        for each in chain:
            context.add_extra_chain_cert(each)
    except ValueError as error:
        raise ConfigurationError(
            f"tls.certificate: {certificate} holds no certificate", hint="it must be PEM text"
        ) from error
    try:
        secret = load_pem_private_key(_read("tls.key", key), password=None)
        if not isinstance(secret, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
            raise ValueError("this kind of key is of no use")
        context.use_privatekey(secret)
        context.check_privatekey()
    except (SSL.Error, ValueError, TypeError) as error:
        raise ConfigurationError(
            f"tls.key: {key} does not hold the private key of {certificate}",
            hint="it must be PEM text without a password, and belong to the first certificate there",
        ) from error


def _read(key: str, path: Path) -> bytes:
    try:
        return path.expanduser().read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{key}: {path} cannot be read: {error.strerror}") from error
