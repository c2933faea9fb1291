"""`icephone test ...`: arguments and help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, NoReturn

import typer

from ua.cli.options import ConfigFile, Json, Quiet, parse_duration

test_app = typer.Typer(
    help="Test a PBX or a phone, scenario by scenario.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Words = Annotated[
    list[str] | None,
    typer.Argument(
        help="Which: ids, suites, patterns such as 'calls.*', basic, or all (the default).",
        metavar="ID|SUITE",
    ),
]


@test_app.command("list")
def test_list(words: Words = None, json: Json = False) -> NoReturn:
    """Show the scenarios: what each tries, and what a peer needs for it."""
    from ua.cli.interop_list import show_scenarios
    from ua.cli.output import Output
    from ua.cli.runner import guarded

    output = Output(json_results=json)
    guarded(output, lambda: show_scenarios(words or [], output))


@test_app.command("peers")
def test_peers(json: Json = False) -> NoReturn:
    """Show the peers that come with icephone."""
    from ua.cli.interop_list import show_peers
    from ua.cli.output import Output
    from ua.cli.runner import guarded

    output = Output(json_results=json)
    guarded(output, lambda: show_peers(output))


@test_app.command("run")
def test_run(
    words: Words = None,
    peer: Annotated[
        str,
        typer.Option(
            help="What is tested: an address (sip:pbx.example), a name of 'icephone test peers', or a file.",
            metavar="URI|NAME|FILE",
        ),
    ] = "generic",
    server: Annotated[
        str | None, typer.Option(help="Where it is, if the peer's file does not say.", metavar="URI")
    ] = None,
    user: Annotated[
        list[str] | None,
        typer.Option(help="Account there: 1001 or 1001@example.com; once for each.", metavar="NAME"),
    ] = None,
    password_file: Annotated[
        list[Path] | None,
        typer.Option(
            "--password-file",
            help="File whose first line is the password; once for each --user, the last one for the rest.",
            metavar="FILE",
        ),
    ] = None,
    extension: Annotated[
        list[str] | None,
        typer.Option(
            help="Number and what is behind it, e.g. echo=600; may be repeated.", metavar="WHAT=NUMBER"
        ),
    ] = None,
    offers: Annotated[
        list[str] | None,
        typer.Option(help="What else the peer can do, e.g. sdes,message; may be repeated.", metavar="NAMES"),
    ] = None,
    transport: Annotated[
        list[str] | None,
        typer.Option(help="How it takes SIP: udp, tcp, tls, ws, wss; may be repeated.", metavar="NAMES"),
    ] = None,
    at_once: Annotated[int, typer.Option("-n", help="Scenarios at a time.", min=1, max=32, metavar="N")] = 4,
    retries: Annotated[
        int,
        typer.Option(
            help="Run a failed scenario again so often; a pass is marked flaky.", min=0, max=5, metavar="N"
        ),
    ] = 1,
    ports: Annotated[
        str | None,
        typer.Option(help="Ports of our media, e.g. 20000-20999 (default: any).", metavar="FROM-TO"),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(
            help="End a scenario after this time (default: its own, mostly 60s).",
            parser=parse_duration,
            metavar="TIME",
        ),
    ] = None,
    firewall: Annotated[
        Literal["udp", "inbound", "443"] | None,
        typer.Option(
            help="Simulate a firewall around our media: no UDP; nobody connects in either; only 443 out."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--output", help="Folder of the results (default: icephone-test/PEER).", metavar="FOLDER"
        ),
    ] = None,
    junit: Annotated[
        Path | None, typer.Option(help="Write the results as JUnit XML, too.", metavar="FILE")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write the report here, not into the folder.", metavar="FILE")
    ] = None,
    config: ConfigFile = None,
    json: Json = False,
    quiet: Quiet = False,
) -> NoReturn:
    """Run scenarios against a peer.

    Exit code 9 where one ended unexpectedly, 1 by a mistake of icephone, 5 where nobody is there.
    """
    from ua.cli.interop_peer import PeerRequest
    from ua.cli.interop_run import RunRequest, run_scenarios
    from ua.cli.output import Output
    from ua.cli.runner import run

    output = Output(json_results=json, quiet=quiet)
    request = RunRequest(
        words=tuple(words or ()),
        peer=PeerRequest(
            peer=peer,
            server=server,
            users=tuple(user or ()),
            password_files=tuple(password_file or ()),
            extensions=tuple(extension or ()),
            offers=tuple(offers or ()),
            transports=tuple(transport or ()),
            config=config,
        ),
        at_once=at_once,
        retries=retries,
        ports=ports,
        timeout_s=timeout,
        firewall=firewall,
        output=out,
        junit=junit,
        html=html,
    )
    run(output, lambda stop: run_scenarios(request, output, stop))


@test_app.command("diff")
def test_diff(
    before: Annotated[Path, typer.Argument(help="Folder of a run, or its results.json.", metavar="A")],
    after: Annotated[Path, typer.Argument(help="The same of another run.", metavar="B")],
    json: Json = False,
) -> NoReturn:
    """Show what changed from one run to another. Exit code 9 where something newly failed."""
    from ua.cli.interop_results import show_difference
    from ua.cli.output import Output
    from ua.cli.runner import guarded

    output = Output(json_results=json)
    guarded(output, lambda: show_difference(before, after, output))


@test_app.command("report")
def test_report(
    runs: Annotated[
        list[Path], typer.Argument(help="Folders of runs, or their results.json.", metavar="RUN...")
    ],
    html: Annotated[Path, typer.Option(help="Where the report goes.", metavar="FILE")] = Path("report.html"),
    json: Json = False,
    quiet: Quiet = False,
) -> NoReturn:
    """Write one report of several runs: which scenario works with which peer."""
    from ua.cli.interop_results import report_runs
    from ua.cli.output import Output
    from ua.cli.runner import guarded

    output = Output(json_results=json, quiet=quiet)
    guarded(output, lambda: report_runs(runs, html, output))
