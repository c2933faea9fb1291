"""Which modules are cores and which are shells.

A core has no IO, no clock and no chance: what it needs of them are arguments. A shell is the thin asyncio,
file or terminal side of a core. Shells are listed here; every other module is a core, and stands by its name
in the import contract of pyproject.toml, which `python -m tests.architecture` writes. A package's own
`__init__` is its door and neither of the two.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

PACKAGES = ("ice", "sdp", "media", "ua")

FORBIDDEN = (
    "asyncio",
    "random",
    "secrets",
    "select",
    "selectors",
    "socket",
    "subprocess",
    "threading",
    "time",
)
"""What no core may import, nor import over a third module."""

SHELLS: dict[str, tuple[str, ...]] = {
    "ice": (
        "candidates.remote_trickle",
        "driver",
        "fresh_credentials",
        "gateways.client",
        "gateways.gathering",
        "gateways.routes",
        "gateways.upnp_client",
        "gathering.gatherer",
        "gathering.gathering",
        "gathering.hosts",
        "gathering.local_side",
        "gathering.local_sides",
        "gathering.local_sockets",
        "gathering.resolve",
        "gathering.server_gathering",
        "gathering.tcp_reflexive",
        "lite.both_lite",
        "net.address_poll",
        "net.byte_stream",
        "net.clock",
        "net.departures",
        "net.firewall",
        "net.flows",
        "net.interface_flags",
        "net.marking",
        "net.nat",
        "net.network",
        "net.outer_network",
        "net.poller",
        "net.port_sharing",
        "net.sockets",
        "net.tcp_connection",
        "net.tcp_holder",
        "net.tcp_listener",
        "net.tcp_socket",
        "net.udp_socket",
        "outcome",
        "paths.carriers",
        "paths.path",
        "paths.paths",
        "paths.plain",
        "paths.reception",
        "session",
        "stream_set",
        "subscribers",
        "turn.client",
        "turn.control",
        "turn.data",
        "turn.listener",
        "turn.relayed_address",
        "turn.relayed_socket",
        "turn.relays",
        "turn.runner",
        "wiring",
    ),
    "sdp": (
        "ice.binding",
        "ice.early_answer",
        "ice.late_candidates",
        "ice.selection",
        "media_paths",
        "tcp.binding",
        "tcp.stream",
    ),
    "media": (
        "audio.devices",
        "audio.pipe",
        "audio.recorder",
        "audio.sinks",
        "audio.sound_card",
        "audio.sources",
        "audio.stereo",
        "audio.wav",
        "codecs.libopus",
        "engine",
        "protection.dtls_runner",
    ),
    "ua": (
        "call.audio",
        "call.call",
        "call.descriptions",
        "call.dtmf",
        "call.early_answers",
        "call.early_media",
        "call.early_reply",
        "call.gathering",
        "call.identity",
        "call.in_call",
        "call.incoming",
        "call.info",
        "call.invites",
        "call.media_keys",
        "call.media_leg",
        "call.media_protection",
        "call.media_start",
        "call.negotiation",
        "call.offers",
        "call.outcome",
        "call.outgoing",
        "call.path_watch",
        "call.refusal",
        "call.sdp_log",
        "call.sending_watch",
        "call.side",
        "call.surroundings",
        "call.transfer",
        "call.transferred",
        "call.waiting",
        "cli.answer",
        "cli.call",
        "cli.config",
        "cli.configuration",
        "cli.demo",
        "cli.devices",
        "cli.ice",
        "cli.ice_lines",
        "cli.ice_pair",
        "cli.interop",
        "cli.interop_list",
        "cli.interop_peer",
        "cli.interop_progress",
        "cli.interop_results",
        "cli.interop_run",
        "cli.keys",
        "cli.live",
        "cli.main",
        "cli.message",
        "cli.options",
        "cli.output",
        "cli.pbx",
        "cli.ports",
        "cli.register",
        "cli.runner",
        "cli.session",
        "cli.sound",
        "cli.tables",
        "cli.trace",
        "cli.transfers",
        "clock",
        "config.file",
        "config.instance",
        "demo",
        "interop.capture",
        "interop.catalog",
        "interop.changes",
        "interop.course",
        "interop.evidence",
        "interop.expect",
        "interop.expect_media",
        "interop.expect_streams",
        "interop.leases",
        "interop.media_gateway",
        "interop.peer_file",
        "interop.ports",
        "interop.pytest_calls",
        "interop.pytest_kept",
        "interop.pytest_plugin",
        "interop.reach",
        "interop.rewriting",
        "interop.recordings",
        "interop.runner",
        "interop.scenario",
        "interop.scenarios.calls",
        "interop.scenarios.calls_answers",
        "interop.scenarios.calls_ends",
        "interop.scenarios.calls_sessions",
        "interop.scenarios.calls_several",
        "interop.scenarios.calls_standing",
        "interop.scenarios.dtmf",
        "interop.scenarios.dtmf_clock",
        "interop.scenarios.features",
        "interop.scenarios.features_messages",
        "interop.scenarios.features_transfer",
        "interop.scenarios.ice",
        "interop.scenarios.media",
        "interop.scenarios.network",
        "interop.scenarios.registration",
        "interop.scenarios.registration_passwords",
        "interop.scenarios.security",
        "interop.stage",
        "interop.standstill",
        "interop.waiting",
        "messages",
        "pair.files",
        "pair.identity",
        "pair.link",
        "pair.pipe",
        "pbx.bridge",
        "pbx.crossing",
        "pbx.errands",
        "pbx.passed_subscription",
        "pbx.pbx",
        "pbx.read_back",
        "pbx.switchboard",
        "phone",
        "reception",
        "registration.flow",
        "registration.registration",
        "sip.callers",
        "sip.clients",
        "sip.containment",
        "sip.endpoint",
        "sip.events.notification",
        "sip.events.refer",
        "sip.events.subscription",
        "sip.events.subscriptions",
        "sip.incoming_request",
        "sip.invite.acks",
        "sip.invite.forks",
        "sip.invite.glare",
        "sip.invite.handlers",
        "sip.invite.incoming",
        "sip.invite.incoming_offer",
        "sip.invite.leg",
        "sip.invite.outgoing",
        "sip.invite.pracks",
        "sip.invite.reception",
        "sip.invite.refreshing",
        "sip.location.locator",
        "sip.location.resolver",
        "sip.requests.exchange",
        "sip.requests.preparation",
        "sip.requests.sending",
        "sip.requests.series",
        "sip.stack",
        "sip.transport.binding",
        "sip.transport.layer",
        "sip.transport.stream_channel",
        "sip.transport.stream_connection",
        "sip.transport.tls.context",
        "sip.transport.udp_channel",
        "sip.transport.wires",
        "sip.uas",
        "sip.usages",
        "watching",
        "web.page",
    ),
}

_BEGIN = "# Written by 'python -m tests.architecture' from tests/architecture/rooms.py."
_END = "# End of what is written."


def shells() -> list[str]:
    """Full names of the shells, sorted."""
    return sorted(f"{package}.{module}" for package, modules in SHELLS.items() for module in modules)


def cores() -> list[str]:
    """Full names of all modules that are no shells, sorted."""
    return sorted(set(existing()) - set(shells()))


def existing() -> list[str]:
    """Full names of all modules of the packages, without the doors, sorted."""
    return sorted(
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if path.name != "__init__.py"
    )


def contract() -> str:
    """The import contract of the cores as TOML."""

    def array(values: list[str]) -> str:
        return "[\n" + "".join(f'    "{value}",\n' for value in values) + "]"

    return "\n".join(
        [
            _BEGIN,
            "[[tool.importlinter.contracts]]",
            'name = "cores have no IO, no clock and no chance"',
            'type = "forbidden"',
            f"source_modules = {array(cores())}",
            f"forbidden_modules = {array(list(FORBIDDEN))}",
            _END,
            "",
        ]
    )


def with_contract(pyproject: str) -> str:
    """The text of pyproject.toml with the contract of now in the place of the one it had."""
    before, _, rest = pyproject.partition(_BEGIN)
    after = rest.partition(_END)[2].lstrip("\n")
    return before.rstrip("\n") + "\n\n" + contract() + ("\n" + after if after else "")
