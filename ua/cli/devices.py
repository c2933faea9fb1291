"""`icephone devices`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from ua.cli.options import Json

if TYPE_CHECKING:
    from media.audio.sound_card import SoundCard
    from ua.cli.output import Output
    from ua.errors import ResultCode


def devices(json: Json = False) -> NoReturn:
    """List microphones and speakers."""
    from ua.cli.output import Output
    from ua.cli.runner import guarded

    output = Output(json_results=json)
    guarded(output, lambda: list_devices(output))


def list_devices(output: Output, card: SoundCard | None = None) -> ResultCode:
    """List the sound devices of this machine, or those of `card`.

    Raises:
        UsageError: what opens them is not installed.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from media.errors import AudioDeviceError
    from ua.call.audio import open_sound_card
    from ua.errors import ResultCode, UsageError
    from ua.results import SCHEMA
    from ua.view.text import printable

    try:
        found = (card or open_sound_card()).devices()
    except AudioDeviceError as error:
        raise UsageError(str(error)) from error
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("", "device", "microphone", "speaker", "rate"):
        table.add_column(column, overflow="fold")
    for each in found:
        table.add_row(
            str(each.number),
            Text(printable(each.name)),
            _marked(each.inputs, each.default_input),
            _marked(each.outputs, each.default_output),
            f"{each.rate} Hz",
        )
    if found:
        output.text(table)
    else:
        output.note("there is no sound device")
    output.object(
        {
            "schema": SCHEMA,
            "result": ResultCode.OK.value,
            "devices": [
                {
                    "number": each.number,
                    "name": each.name,
                    "inputs": each.inputs,
                    "outputs": each.outputs,
                    "rate": each.rate,
                    "default_input": each.default_input,
                    "default_output": each.default_output,
                }
                for each in found
            ],
        }
    )
    return ResultCode.OK


def _marked(channels: int, default: bool) -> str:
    if not channels:
        return "-"
    return "yes, the default" if default else "yes"
