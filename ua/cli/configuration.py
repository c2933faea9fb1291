"""`icephone config ...`: arguments and help."""

from __future__ import annotations

from typing import NoReturn

import typer

from ua.cli.options import ConfigFile, Json

config_app = typer.Typer(
    help="Check and show the configuration.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@config_app.command("check")
def config_check(config: ConfigFile = None, json: Json = False) -> NoReturn:
    """Read the configuration and say what is wrong with it."""
    from ua.cli import config as commands
    from ua.cli.output import Output
    from ua.cli.runner import guarded

    output = Output(json_results=json)
    guarded(output, lambda: commands.check(config, output))


@config_app.command("show")
def config_show(config: ConfigFile = None, json: Json = False) -> NoReturn:
    """Show all settings in force, secrets masked."""
    from ua.cli import config as commands
    from ua.cli.output import Output
    from ua.cli.runner import guarded

    output = Output(json_results=json)
    guarded(output, lambda: commands.show(config, output))


@config_app.command("path")
def config_path(config: ConfigFile = None, json: Json = False) -> NoReturn:
    """Show where the configuration file is looked for."""
    from ua.cli import config as commands
    from ua.cli.output import Output
    from ua.cli.runner import guarded

    output = Output(json_results=json)
    guarded(output, lambda: commands.path(config, output))
