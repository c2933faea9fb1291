"""Two sides find a path and talk, without SIP: `python docs/ice_without_sip.py`, explained in docs/ice.md."""

import asyncio

from ice import HostNetwork, IceConfig, Role, Session, dump_description, load_description


async def side(role: Role, ours: asyncio.Queue[str], theirs: asyncio.Queue[str], config: IceConfig) -> str:
    """One machine; `ours` and `theirs` are whatever carries text between the two."""
    session = Session(network=HostNetwork(), config=config, role=role)
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    path = session.path(1)
    path.set_receiver(lambda packet, _arrived_s: heard.put_nowait(packet))
    try:
        await ours.put(dump_description(await session.gather()))
        session.set_remote(load_description(await theirs.get()))
        await session.completed()
        path.send(b"\x80hello from the " + role.encode())
        packet = await asyncio.wait_for(heard.get(), 5)
        return f"{path.transport} to {path.remote}: {packet[1:].decode()}"
    finally:
        await session.close()


async def main(config: IceConfig) -> list[str]:
    """Both machines in one process."""
    one, other = asyncio.Queue[str](), asyncio.Queue[str]()
    controlling = side(Role.CONTROLLING, one, other, config)
    return await asyncio.gather(controlling, side(Role.CONTROLLED, other, one, config))


if __name__ == "__main__":
    print("\n".join(asyncio.run(main(IceConfig(loopback=True)))))  # noqa: T201
