"""`icephone ice ...`: ICE without SIP."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, NoReturn

import typer

from ua.cli.options import ConfigFile, PortMapping, Quiet, Stun, Turn, Verbose, parse_duration

ice_app = typer.Typer(
    help="ICE without SIP: join two machines.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@ice_app.callback()
def root() -> None:
    """ICE without SIP: join two machines."""


@ice_app.command()
def pair(
    join: Annotated[
        bool, typer.Option("--join", help="Take the line of the side that has started, and answer it.")
    ] = False,
    local: Annotated[
        Path | None, typer.Option("--local", help="Write our line here, not to stderr.", metavar="FILE")
    ] = None,
    remote: Annotated[
        Path | None,
        typer.Option(
            "--remote",
            help="Wait for the other side's line here ('-': standard input; default: the terminal).",
            metavar="FILE",
        ),
    ] = None,
    path: Annotated[
        Literal["auto", "udp", "tcp", "relay"],
        typer.Option(help="Ways that the pipe may take; relay: by TURN alone.", show_default="auto"),
    ] = "auto",
    stun: Stun = None,
    turn: Turn = None,
    port_mapping: PortMapping = None,
    wait: Annotated[
        float,
        typer.Option(
            help="How long to wait for the other side's line.",
            parser=parse_duration,
            metavar="TIME",
            show_default="10m",
        ),
    ] = 600.0,
    timeout: Annotated[
        float,
        typer.Option(
            help="Give up where both lines are known and there is no path after this time.",
            parser=parse_duration,
            metavar="TIME",
            show_default="60s",
        ),
    ] = 60.0,
    config: ConfigFile = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print events and the result as JSON on stderr.")
    ] = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> NoReturn:
    """Pipe standard input to the other machine's standard output and back, through NATs and firewalls.

    Run it on one machine, and with --join on the other; copy the line that each prints to the other one.
    What goes through is encrypted, and arrives whole or ends in an error.
    """
    from ice.net.sockets import HostNetwork
    from ua.cli.ice_pair import PairOutput, PairRequest, run_pair
    from ua.cli.runner import run

    output = PairOutput(json_results=json, verbose=verbose, quiet=quiet)
    request = PairRequest(
        join=join,
        local=local,
        remote=remote,
        path=path,
        stun=tuple(stun or ()),
        turn=tuple(turn or ()),
        port_mapping=port_mapping,
        wait_s=wait,
        timeout_s=timeout,
        config=config,
    )
    run(output, lambda stop: run_pair(request, output, stop, HostNetwork()))
