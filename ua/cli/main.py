"""The command line: arguments and help. What a command does stands in the module of its name.

Modules that cost time are imported inside the commands, so that --help is quick.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

import typer

from ua.cli.configuration import config_app
from ua.cli.devices import devices
from ua.cli.ice import ice_app
from ua.cli.interop import test_app
from ua.cli.options import (
    AcceptTransfers,
    AccountName,
    AccountNames,
    CallTimeout,
    Codecs,
    ConfigFile,
    DeviceName,
    For,
    Json,
    Keys,
    KeysBy,
    Listen,
    Media,
    Mic,
    PasswordFile,
    PathOption,
    PcmRate,
    PortMapping,
    Proxy,
    Quiet,
    Record,
    RecordBoth,
    SipTrace,
    Speak,
    SrtpOption,
    Stdin,
    Stdout,
    Stun,
    TcpCandidates,
    ToneHz,
    Turn,
    Verbose,
    Wav,
    WebPort,
    parse_duration,
)

if TYPE_CHECKING:
    from ua.cli.output import Output

app = typer.Typer(
    name="icephone",
    help="A SIP phone whose media gets through: ICE over UDP and TCP.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
)
app.add_typer(config_app, name="config")
app.add_typer(ice_app, name="ice")
app.add_typer(test_app, name="test")
app.command()(devices)


def _output(
    json_results: bool, verbose: bool, quiet: bool, sip_trace: bool = False, audio_out: bool = False
) -> Output:
    from ua.cli.output import Output

    return Output(
        json_results=json_results, verbose=verbose, quiet=quiet, sip_trace=sip_trace, audio_out=audio_out
    )


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"icephone {version('icephone')}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """A SIP phone whose media gets through: ICE over UDP and TCP."""


@app.command()
def demo(
    udp: Annotated[
        Literal["blocked", "open"],
        typer.Option(help="What the firewall does with UDP.", show_default="blocked"),
    ] = "blocked",
    wav: Annotated[
        Path | None, typer.Option(help="What the caller says (default: a short sample).", metavar="FILE")
    ] = None,
    report: Annotated[Path, typer.Option(help="Where the report goes.", metavar="FILE")] = Path(
        "report.html"
    ),
    timeout: Annotated[
        float,
        typer.Option(
            help="Give up after this time.", parser=parse_duration, metavar="TIME", show_default="30s"
        ),
    ] = 30.0,
    json: Json = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> NoReturn:
    """Show it: two phones, one firewall, one report. Needs no account, server, root or sound card."""
    from ua.cli.demo import run
    from ua.cli.runner import run as run_command
    from ua.demo import run_demo
    from ua.plan import DemoOptions

    output = _output(json, verbose, quiet)
    options = DemoOptions(udp=udp, wav=wav, timeout_s=timeout)
    run_command(output, lambda stop: run(options, report, output, stop, run_demo))


@app.command()
def call(
    uri: Annotated[str, typer.Argument(help="Whom to call, e.g. sip:bob@example.com.", metavar="URI")],
    wav: Wav = None,
    tone: ToneHz = None,
    silence: Annotated[bool, typer.Option("--silence", help="Send silence (the default).")] = False,
    mic: Mic = False,
    speaker: Speak = False,
    device: DeviceName = None,
    stdin: Stdin = False,
    stdout: Stdout = False,
    pcm_rate: PcmRate = 8000,
    record: Record = None,
    record_both: RecordBoth = None,
    duration: For = None,
    dtmf: Keys = "",
    dtmf_by: KeysBy = None,
    transfer: Annotated[
        str | None,
        typer.Option(help="Then have the other side call this address instead.", metavar="URI"),
    ] = None,
    accept_transfers: AcceptTransfers = None,
    path: PathOption = "auto",
    srtp: SrtpOption = None,
    codec: Codecs = None,
    tcp_candidates: TcpCandidates = None,
    media: Media = None,
    stun: Stun = None,
    turn: Turn = None,
    port_mapping: PortMapping = None,
    proxy: Proxy = None,
    listen: Listen = None,
    report: Annotated[
        Path | None, typer.Option(help="Write a report of the call (HTML).", metavar="FILE")
    ] = None,
    timeout: CallTimeout = 60.0,
    config: ConfigFile = None,
    password_file: PasswordFile = None,
    account: AccountName = None,
    json: Json = False,
    sip_trace: SipTrace = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> NoReturn:
    """Place a call. It ends after --for, with the WAV file, by the other side or by Ctrl-C."""
    from ua.cli.call import CallRequest, run_call
    from ua.cli.ports import real_phone
    from ua.cli.runner import run
    from ua.cli.sound import SoundRequest

    output = _output(json, verbose, quiet, sip_trace, audio_out=stdout)
    sound = SoundRequest(
        mic=mic,
        speaker=speaker,
        device=device,
        stdin=stdin,
        stdout=stdout,
        pcm_rate=pcm_rate,
        record_both=record_both,
        json=json,
    )
    request = CallRequest(
        uri=uri,
        wav=wav,
        tone=tone,
        silence=silence,
        record=record,
        sound=sound,
        duration_s=duration,
        dtmf=dtmf,
        dtmf_by=dtmf_by,
        transfer=transfer,
        accept_transfers=accept_transfers,
        path=path,
        srtp=srtp,
        codec=codec,
        tcp_candidates=tcp_candidates,
        media=media,
        stun=tuple(stun or ()),
        turn=tuple(turn or ()),
        port_mapping=port_mapping,
        proxy=proxy,
        listen=listen,
        report=report,
        timeout_s=timeout,
        config=config,
        password_file=password_file,
        account_name=account,
    )
    run(output, lambda stop: run_call(request, output, stop, real_phone))


@app.command()
def answer(
    echo: Annotated[bool, typer.Option("--echo", help="Send back what arrives.")] = False,
    wav: Wav = None,
    tone: ToneHz = None,
    mic: Mic = False,
    speaker: Speak = False,
    device: DeviceName = None,
    stdin: Stdin = False,
    stdout: Stdout = False,
    pcm_rate: PcmRate = 8000,
    record: Record = None,
    record_both: RecordBoth = None,
    duration: For = None,
    accept_transfers: AcceptTransfers = None,
    path: PathOption = "auto",
    srtp: SrtpOption = None,
    codec: Codecs = None,
    stun: Stun = None,
    turn: Turn = None,
    port_mapping: PortMapping = None,
    calls: Annotated[int | None, typer.Option(help="End after this many calls.", min=1, metavar="N")] = None,
    listen: Listen = None,
    web: WebPort = None,
    register: Annotated[bool, typer.Option("--register", help="Register the account first.")] = False,
    pbx: Annotated[
        bool, typer.Option("--pbx", help="Be a small PBX for the users in [pbx] of the configuration.")
    ] = False,
    timeout: Annotated[
        float | None,
        typer.Option(help="End where no call arrives for this time.", parser=parse_duration, metavar="TIME"),
    ] = None,
    config: ConfigFile = None,
    password_file: PasswordFile = None,
    account: AccountNames = None,
    json: Json = False,
    sip_trace: SipTrace = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> NoReturn:
    """Answer calls until Ctrl-C, or --calls of them. With --json one object per call, one per line."""
    from ua.cli.answer import AnswerRequest, run_answer
    from ua.cli.ports import real_phone
    from ua.cli.runner import run
    from ua.cli.sound import SoundRequest

    output = _output(json, verbose, quiet, sip_trace, audio_out=stdout)
    sound = SoundRequest(
        mic=mic,
        speaker=speaker,
        device=device,
        stdin=stdin,
        stdout=stdout,
        pcm_rate=pcm_rate,
        record_both=record_both,
        json=json,
    )
    if pbx:
        from ua.cli.pbx import PbxRequest, run_pbx

        media = (echo, wav, tone, record, sound.given, duration, stun, turn, port_mapping)
        others = (calls, register, timeout, account, accept_transfers, web is not None)
        service = PbxRequest(listen=listen, config=config, alone=not any(media + others))
        run(output, lambda stop: run_pbx(service, output, stop))
    request = AnswerRequest(
        echo=echo,
        wav=wav,
        tone=tone,
        record=record,
        sound=sound,
        duration_s=duration,
        accept_transfers=accept_transfers,
        path=path,
        srtp=srtp,
        codec=codec,
        stun=tuple(stun or ()),
        turn=tuple(turn or ()),
        port_mapping=port_mapping,
        calls=calls,
        listen=listen,
        web=web,
        register=register,
        timeout_s=timeout,
        config=config,
        password_file=password_file,
        account_name=account,
    )
    run(output, lambda stop: run_answer(request, output, stop, real_phone))


@app.command()
def register(
    watch: Annotated[bool, typer.Option("--watch", help="Stay registered until Ctrl-C.")] = False,
    proxy: Proxy = None,
    timeout: Annotated[
        float,
        typer.Option(
            help="Give up after this time.", parser=parse_duration, metavar="TIME", show_default="32s"
        ),
    ] = 32.0,
    config: ConfigFile = None,
    password_file: PasswordFile = None,
    account: AccountNames = None,
    json: Json = False,
    sip_trace: SipTrace = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> NoReturn:
    """Register the account and remove it again, or stay registered with --watch."""
    from ua.cli.ports import real_phone
    from ua.cli.register import RegisterRequest, run_register
    from ua.cli.runner import run

    output = _output(json, verbose, quiet, sip_trace)
    request = RegisterRequest(
        watch=watch,
        proxy=proxy,
        timeout_s=timeout,
        config=config,
        password_file=password_file,
        account_name=account,
    )
    run(output, lambda stop: run_register(request, output, stop, real_phone))


@app.command()
def message(
    uri: Annotated[str, typer.Argument(help="Whom to tell, e.g. sip:bob@example.com.", metavar="URI")],
    text: Annotated[str, typer.Argument(help="What to tell.", metavar="TEXT")],
    proxy: Proxy = None,
    timeout: Annotated[
        float,
        typer.Option(
            help="Give up after this time.", parser=parse_duration, metavar="TIME", show_default="32s"
        ),
    ] = 32.0,
    config: ConfigFile = None,
    password_file: PasswordFile = None,
    account: AccountName = None,
    json: Json = False,
    sip_trace: SipTrace = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> NoReturn:
    """Send a short text message."""
    from ua.cli.message import MessageRequest, run_message
    from ua.cli.ports import real_phone
    from ua.cli.runner import run

    output = _output(json, verbose, quiet, sip_trace)
    request = MessageRequest(
        uri=uri,
        text=text,
        proxy=proxy,
        timeout_s=timeout,
        config=config,
        password_file=password_file,
        account_name=account,
    )
    run(output, lambda stop: run_message(request, output, stop, real_phone))


def main() -> None:
    """Run the command line; leaves the process with an exit code (`ua.errors.ResultCode`)."""
    app()
