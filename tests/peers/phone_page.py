"""Our phone for browsers, as a person in front of it uses it."""

from __future__ import annotations

from typing import Any, Final

from tests.peers.devtools import Tab
from tests.peers.icephone import icephone
from tests.peers.kamailio import PASSWORD
from tests.peers.namespace import Namespace
from tests.peers.process import Programs

TONE_HZ: Final = 440
"""The voice of whoever sits in front of it."""

PACKETS: Final = 150
"""Three seconds of voice."""

_HEARD: Final = """(async () => {
    const samples = new Float32Array(listener.frequencyBinCount);
    listener.getFloatFrequencyData(samples);
    const loudest = samples.indexOf(Math.max(...samples));
    return { hz: loudest * context.sampleRate / listener.fftSize, db: samples[loudest] };
})()"""


async def dial(page: Tab, address: str) -> None:
    """Open the page at this address, and call the phone that gave it."""
    await page.open(address)
    await page.holds("document.getElementById('state').textContent === 'ready'", "it connects")
    await page.click("#dial button")


async def page_of_pbx(programs: Programs, host: Namespace) -> tuple[str, str]:
    """Port and page of a PBX of ours that has one user, "browser"."""
    users = programs.folder / "users"
    users.write_text(f"browser:{PASSWORD}\n", encoding="utf-8")
    config = programs.folder / "pbx.toml"
    config.write_text(
        f'[pbx]\ndomain = "127.0.0.1"\nusers_file = "{users}"\n[websocket]\nlisten_port = 0\npage = true\n',
        encoding="utf-8",
    )
    pbx = await icephone(
        programs, "answer", "--pbx", "--listen", "127.0.0.1:0", config=config, prefix=host.prefix
    )
    port = (await pbx.noted("listening on sip:")).rpartition(":")[2].partition(";")[0]
    return port, await pbx.noted("a phone for browsers:")


async def register(page: Tab, address: str) -> None:
    """Open the page of a PBX, and register its user."""
    await page.open(address)
    await page.type("user", "browser")
    await page.type("password", PASSWORD)
    await page.click("#account button")
    await page.holds("document.getElementById('state').textContent.startsWith('registered')", "it registers")


async def pick_up(page: Tab) -> None:
    """Answer the call that comes."""
    await page.holds("call?.state === 'ringing'", "it rings")
    await page.click("#answer")


async def hears(page: Tab, hz: int) -> dict[str, Any]:
    """Wait until the page has heard this tone for a while; its figures."""
    await page.holds("['talking', 'ended'].includes(call?.state)", "the call is answered")
    assert await page.run("call.state") == "talking", await page.text("state")
    both = f"Math.min(it?.received, it?.sent) >= {PACKETS}"
    await page.holds(f"call.figures().then((it) => {both})", "voice goes and comes back", 30)
    await hears_tone(page, hz)
    figures: dict[str, Any] = await page.run("call.figures()")
    return figures


async def hears_tone(page: Tab, hz: int) -> None:
    """Wait until the page hears this tone."""
    heard = f"listener && {_HEARD}.then((it) => Math.abs(it.hz - {hz}) <= 30 && it.db > -50)"
    await page.holds(heard, f"it hears {hz} Hz")
