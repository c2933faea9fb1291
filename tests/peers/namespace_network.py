"""The network of a namespace, for a session that runs in the process of a test."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Coroutine, Generator, Sequence
from typing import Any, Generic, TypeVar

from ice.net.network import ByteStream, DatagramReceiver, HostAddress, TcpConnection, TcpListener, UdpSocket
from ice.net.sockets import HostNetwork
from ice.types import TransportAddress
from tests.peers.namespace import Namespace

_T = TypeVar("_T")


class NamespaceNetwork(HostNetwork):
    """Sockets are made inside the namespace and belong to it; needs root."""

    def __init__(self, namespace: Namespace) -> None:
        super().__init__()
        self._namespace = namespace

    def host_addresses(self) -> Sequence[HostAddress]:
        with self._namespace.entered():
            return super().host_addresses()

    async def bind_udp(self, host: str, port: int, on_datagram: DatagramReceiver) -> UdpSocket:
        return await self._inside(super().bind_udp(host, port, on_datagram))

    async def listen_tcp(
        self, host: str, port: int, on_accept: Callable[[TcpConnection], None], *, shared: bool = False
    ) -> TcpListener:
        return await self._inside(super().listen_tcp(host, port, on_accept, shared=shared))

    async def connect_tcp(
        self, local_host: str, remote: TransportAddress, *, local_port: int = 0
    ) -> TcpConnection:
        return await self._inside(super().connect_tcp(local_host, remote, local_port=local_port))

    async def open_stream(  # type: ignore[override]
        self,
        local_host: str,
        remote: TransportAddress,
        *,
        local_port: int = 0,
        tls: ssl.SSLContext | None = None,
        server_name: str = "",
    ) -> ByteStream:
        return await self._inside(
            super().open_stream(local_host, remote, local_port=local_port, tls=tls, server_name=server_name)
        )

    def _inside(self, work: Coroutine[Any, Any, _T]) -> _Inside[_T]:
        return _Inside(self._namespace, work)


class _Inside(Generic[_T]):
    """Runs each step of a coroutine in a namespace; others run outside meanwhile."""

    def __init__(self, namespace: Namespace, work: Coroutine[Any, Any, _T]) -> None:
        self._namespace = namespace
        self._work = work

    def __await__(self) -> Generator[Any, Any, _T]:
        steps = self._work.__await__()
        try:
            while True:
                with self._namespace.entered():
                    try:
                        waits_for = next(steps)
                    except StopIteration as end:
                        result: _T = end.value
                        return result
                try:
                    yield waits_for
                except BaseException as error:
                    with self._namespace.entered():
                        steps.throw(error)
                    raise
        finally:
            steps.close()
