"""The values of a configuration file and the account that a phone works with.

`Settings` mirrors the TOML file, section by section; `Account` is what comes out of it once passwords
are fetched and defaults are filled in. Reading files is the matter of `ua.config.file`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from ice.config import IceConfig
from ua.config.calls import CallsSettings, check_calls
from ua.config.ice import STRICT, IceSettings, check_ice, ice_config
from ua.config.media import MediaSettings
from ua.config.passwords import find_password
from ua.config.pbx import PbxSettings
from ua.config.registration import RegistrationPolicy, check_registration, proxies_of
from ua.config.sip import SipSettings, check_sip
from ua.config.sip_uri import split_listen, split_sip_uri
from ua.config.tls import (
    TlsSettings,
    WebSocketSettings,
    check_tls,
    tls_config,
    websocket_config,
)
from ua.errors import ConfigurationError
from ua.sip.transport.hop import OVER_TLS, SipTransport
from ua.sip.transport.tls.config import TlsConfig
from ua.sip.transport.websocket.config import WebSocketConfig

ANONYMOUS_URI = "sip:anonymous@anonymous.invalid"
"""Who we are without an account (RFC 3261 §8.1.1.3)."""

PASSWORD_VARIABLE = "ICEPHONE_PASSWORD"  # noqa: S105  the name of the variable, not its content
"""Environment variable that holds the password where the file names no other."""

TURN_PASSWORD_VARIABLE = "ICEPHONE_TURN_PASSWORD"  # noqa: S105  the name of the variable, not its content
"""The same for TURN servers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSettings:
    """`[account]`: who we are to others and to our server.

    Attributes:
        uri: address of record, "sip:alice@example.com"; with sips: everything goes over TLS.
        anonymous: true hides name and address from those whom we call.
        display_name: name shown beside the URI.
        auth_user: user name for authentication; None takes the user part of `uri`.
        password_file: file whose first line is the password.
        password_env: environment variable that holds the password.
        realm: the only realm that the password is proved to; None takes those of our own servers.
        refuse_md5: true proves it by SHA-256 and SHA-512-256 only.
        auth_int: true has bodies protected too, where the server offers it.
        proxy: outbound proxy, "sip:proxy.example.com:5060", or several, to register over all of them at the
            same time (RFC 5626 §4.2); None sends straight to the URI's host.
        instance: URN of this phone, "urn:uuid:..."; None takes the one that is kept for this user.
        registrar: where REGISTER goes, "sip:example.com"; None takes the host of `uri`.
        transport: preferred transport of SIP messages; a request too large for UDP goes by TCP anyway
            (RFC 3261 §18.1.1).
        expires_s: seconds a registration shall last.
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = STRICT

    uri: str = ANONYMOUS_URI
    anonymous: bool = False
    display_name: str = ""
    auth_user: str | None = None
    password_file: Path | None = None
    password_env: str | None = None
    realm: str | None = None
    refuse_md5: bool = False
    auth_int: bool = False
    proxy: str | tuple[str, ...] | None = None
    registrar: str | None = None
    instance: str | None = None
    transport: SipTransport = "udp"
    expires_s: int = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A whole configuration file; every section and key may be left out.

    `[accounts.NAME]` are further accounts with the keys of `[account]`; see `ua.config.accounts`.
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = STRICT

    account: AccountSettings = AccountSettings()
    sip: SipSettings = field(default_factory=SipSettings)
    accounts: Mapping[str, AccountSettings] = field(default_factory=dict)
    calls: CallsSettings = field(default_factory=CallsSettings)
    ice: IceSettings = field(default_factory=IceSettings)
    media: MediaSettings = field(default_factory=MediaSettings)
    tls: TlsSettings = field(default_factory=TlsSettings)
    websocket: WebSocketSettings = field(default_factory=WebSocketSettings)
    pbx: PbxSettings = field(default_factory=PbxSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Everything that one phone needs to know; comes from `Settings.account` and its siblings.

    Attributes:
        uri: address of record.
        hides_identity: true where those whom we call are not told who we are.
        display_name: name shown beside the URI, may be empty.
        auth_user: user name for authentication.
        password: password, None where there is none; never shown.
        realm: the only realm that it is proved to, None for those of our own servers.
        refuse_md5: true where MD5 is not used for that.
        auth_int: true where bodies are protected too, if the server offers it.
        proxy: outbound proxy URI or None.
        registration: over which further proxies, and how it is kept up.
        registrar: registrar URI.
        transport: preferred SIP transport.
        expires_s: seconds a registration shall last.
        listen_host: address to receive SIP on.
        listen_port: its port, 0 for any.
        tls: whom we trust, and our own certificate.
        tls_port: port for who connects to us by TLS, 0 for any.
        tls_only: no SIP over UDP or plain TCP.
        websocket: path and origins of WebSockets.
        ws_port: port for who connects to us by WebSocket, 0 for any, None for nobody.
        wss_port: the same over TLS.
        sip: how signalling goes; where it listens and how a registration is kept up stand beside it.
        calls: which calls we take.
        ice: policy of ICE.
        ice_enabled: false has plain RTP over UDP in all calls.
        ice_required: calls without ICE are refused.
        media: codecs, and how they go.
    """

    uri: str = ANONYMOUS_URI
    hides_identity: bool = False
    display_name: str = ""
    auth_user: str = "anonymous"
    password: str | None = field(default=None, repr=False)
    realm: str | None = None
    refuse_md5: bool = False
    auth_int: bool = False
    proxy: str | None = None
    registration: RegistrationPolicy = field(default_factory=RegistrationPolicy)
    registrar: str = "sip:anonymous.invalid"
    transport: SipTransport = "udp"
    expires_s: int = 300
    listen_host: str = "0.0.0.0"  # noqa: S104  a phone is there to be reached
    listen_port: int = 0
    tls: TlsConfig = field(default_factory=TlsConfig)
    tls_port: int = 0
    tls_only: bool = False
    websocket: WebSocketConfig = field(default_factory=WebSocketConfig)
    ws_port: int | None = None
    wss_port: int | None = None
    sip: SipSettings = field(default_factory=SipSettings)
    calls: CallsSettings = field(default_factory=CallsSettings)
    ice: IceConfig = field(default_factory=IceConfig)
    ice_enabled: bool = True
    ice_required: bool = False
    media: MediaSettings = field(default_factory=MediaSettings)

    @property
    def anonymous(self) -> bool:
        """True where no account is configured: direct calls work, registering does not."""
        return self.uri == ANONYMOUS_URI

    @property
    def domain(self) -> str | None:
        """Host of `uri`, None for the anonymous account."""
        return None if self.anonymous else split_sip_uri(self.uri).host


def check_settings(settings: Settings) -> None:
    """Check what types cannot say; ConfigurationError names the key."""
    account = settings.account
    check_registration(account.proxy, account.instance)
    proxies = [("proxy", uri) for uri in proxies_of(account.proxy)]
    uris = [("uri", account.uri), *proxies, ("registrar", account.registrar)]
    for name, uri in uris:
        if uri is not None:
            _check(f"account.{name}", split_sip_uri, uri)
    if split_sip_uri(account.uri).user is None:
        raise ConfigurationError(
            f"account.uri: {account.uri!r} has no user part", hint='write uri = "sip:user@domain"'
        )
    if account.password_file is not None and account.password_env is not None:
        raise ConfigurationError(
            "account.password_env: password_file is set as well", hint="keep one of the two"
        )
    check_sip(settings.sip)
    for key, value, low, high in (
        ("account.expires_s", account.expires_s, 60, 86400),
        ("media.ptime_ms", settings.media.ptime_ms, 10, 60),
        ("media.dscp", settings.media.dscp, 0, 63),
    ):
        if not low <= value <= high:
            raise ConfigurationError(f"{key}: {value} is not between {low} and {high}")
    if settings.media.ptime_ms % 10:
        raise ConfigurationError(f"media.ptime_ms: {settings.media.ptime_ms} is not a multiple of 10")
    if not settings.media.codecs or len(set(settings.media.codecs)) != len(settings.media.codecs):
        raise ConfigurationError("media.codecs: the list is empty or names a codec twice")
    suites = settings.media.srtp_suites
    if not suites or len(set(suites)) != len(suites):
        raise ConfigurationError("media.srtp_suites: the list is empty or names a suite twice")
    check_calls(settings.calls)
    check_ice(settings.ice)
    check_tls(settings.tls, settings.websocket)
    _check_security(settings)


def _check_security(settings: Settings) -> None:
    """Where TLS is asked for in one place, no other may take it back."""
    account = settings.account
    if settings.tls.only and account.transport not in OVER_TLS:
        raise ConfigurationError(
            f'tls.only: account.transport is "{account.transport}"', hint='write transport = "tls" or "wss"'
        )
    registrar = None if account.registrar is None else split_sip_uri(account.registrar)
    if split_sip_uri(account.uri).secure and registrar is not None and not registrar.secure:
        raise ConfigurationError(
            "account.registrar: account.uri is sips:, and this is not (RFC 3261 §10.2.1)"
        )


def _check(key: str, parse: Callable[[str], object], text: str) -> None:
    try:
        parse(text)
    except ValueError as error:
        raise ConfigurationError(f"{key}: {error}") from None


def account_from(
    settings: Settings, *, environ: Mapping[str, str], password_file: Path | None = None
) -> Account:
    """The account of `settings`; its password comes from a file or from `environ`.

    Order: `password_file` (an argument of the command), `account.password_file`, the variable named by
    `account.password_env` (which must then be set), ICEPHONE_PASSWORD. Raises ConfigurationError.
    """
    check_settings(settings)
    account = settings.account
    parts = split_sip_uri(account.uri)
    password = find_password(
        password_file or account.password_file,
        account.password_env,
        "account.password_env",
        PASSWORD_VARIABLE,
        environ,
    )
    if settings.sip.challenge_callers and password is None:
        raise ConfigurationError(
            "sip.challenge_callers: there is no password that callers could know",
            hint="set password_file or password_env in [account]",
        )
    host, port = split_listen(settings.sip.listen)
    port_suffix = "" if parts.port is None else f":{parts.port}"
    registrar_host = f"[{parts.host}]" if ":" in parts.host else parts.host
    scheme = "sips" if parts.secure else "sip"
    return Account(
        uri=account.uri,
        hides_identity=account.anonymous,
        display_name=account.display_name,
        auth_user=account.auth_user or parts.user or "anonymous",
        password=password,
        realm=account.realm,
        refuse_md5=account.refuse_md5,
        auth_int=account.auth_int,
        proxy=next(iter(proxies_of(account.proxy)), None),
        registration=RegistrationPolicy(
            backup_proxies=proxies_of(account.proxy)[1:],
            instance=account.instance or "",
            keepalive=settings.sip.keepalive,
            keepalive_s=float(settings.sip.keepalive_s),
            recovery_s=settings.sip.recovery_s,
        ),
        registrar=account.registrar or f"{scheme}:{registrar_host}{port_suffix}",
        transport=account.transport,
        expires_s=account.expires_s,
        listen_host=host,
        listen_port=port,
        tls=tls_config(settings.tls),
        tls_port=settings.tls.listen_port,
        tls_only=settings.tls.only,
        websocket=websocket_config(settings.websocket),
        ws_port=settings.websocket.listen_port,
        wss_port=settings.websocket.secure_listen_port,
        sip=settings.sip,
        calls=settings.calls,
        ice=ice_config(settings.ice, _turn_password(settings.ice, environ)),
        ice_enabled=settings.ice.enabled,
        ice_required=settings.ice.required,
        media=settings.media,
    )


def _turn_password(ice: IceSettings, environ: Mapping[str, str]) -> str:
    """The password of our account at the TURN servers, empty where there is neither."""
    if not ice.turn or not ice.turn_user:
        return ""
    key, default = "ice.turn_password_env", TURN_PASSWORD_VARIABLE
    password = find_password(ice.turn_password_file, ice.turn_password_env, key, default, environ)
    if not password:
        raise ConfigurationError(
            f"ice.turn_user: there is no password for {ice.turn_user!r}",
            hint=f"set turn_password_file or turn_password_env, or export {TURN_PASSWORD_VARIABLE}",
        )
    return password
