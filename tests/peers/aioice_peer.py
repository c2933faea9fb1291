"""An aioice connection with one component that speaks JSON lines, those of `tests/peers/libnice_peer.py`.

It has UDP candidates alone: ``python -m tests.peers.aioice_peer --role ROLE --address HOST``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys

import aioice
import aioice.ice


def emit(event: str, **values: object) -> None:
    """Write one line."""
    print(json.dumps({"event": event, **values}), flush=True)


async def converse(connection: aioice.Connection, lines: asyncio.StreamReader) -> None:
    """Do what the lines say until they end."""
    tasks: set[asyncio.Task[None]] = set()
    while line := await lines.readline():
        command = json.loads(line)
        match command["do"]:
            case "remote":
                tasks.add(asyncio.create_task(_connect(connection, command)))
            case "send":
                data = bytes.fromhex(command["data"])
                await connection.send(data)
                emit("sent", bytes=len(data))
            case "quit":
                break
            case unknown:
                emit("error", reason=f"unknown command {unknown}")
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _connect(connection: aioice.Connection, remote: dict[str, object]) -> None:
    connection.remote_username = str(remote["ufrag"])
    connection.remote_password = str(remote["password"])
    lines = remote["candidates"]
    assert isinstance(lines, list)
    for line in lines:
        await connection.add_remote_candidate(aioice.Candidate.from_sdp(line.removeprefix("candidate:")))
    await connection.add_remote_candidate(None)
    emit("state", state="connecting")
    try:
        await connection.connect()
        emit("state", state="ready")
        while True:
            emit("data", data=(await connection.recv()).hex())
    except ConnectionError as error:
        emit("state", state="failed")
        emit("error", reason=str(error))


async def main() -> None:
    """Read the arguments and run."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--role", choices=["controlling", "controlled"], required=True)
    options.add_argument("--address", required=True)
    chosen = options.parse_args()
    # It leaves loopback out; it has no option for that.
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: [chosen.address]  # noqa: ARG005
    connection = aioice.Connection(ice_controlling=chosen.role == "controlling")
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    try:
        await connection.gather_candidates()
        emit(
            "local",
            ufrag=connection.local_username,
            password=connection.local_password,
            candidates=[f"candidate:{candidate.to_sdp()}" for candidate in connection.local_candidates],
        )
        await converse(connection, reader)
    finally:
        transport.close()
        await connection.close()


if __name__ == "__main__":
    asyncio.run(main())
