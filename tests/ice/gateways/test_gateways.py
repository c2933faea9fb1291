"""Default gateways from the tables of the kernel."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ice.gateways.routes import default_gateways
from ice.net.network import Gateway

HEADER = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
ZERO6 = "0" * 32


def number(address: str) -> str:
    """Four bytes as this machine's kernel prints them."""
    packed = bytes(int(part) for part in address.split("."))
    return f"{int.from_bytes(packed, sys.byteorder):08X}"


def row(name: str, destination: str, gateway: str, flags: int, metric: int, mask: str) -> str:
    hidden = f"{number(destination)}\t{number(gateway)}\t{flags:04X}\t0\t0\t{metric}\t{number(mask)}\t0\t0\t0"
    return f"{name}\t{hidden}\n"


def row6(name: str, gateway: str, flags: int, metric: int, length: str = "00") -> str:
    return f"{ZERO6} {length} {ZERO6} 00 {gateway} {metric:08x} 00000001 00000000 {flags:08x} {name}\n"


def tables(folder: Path, ipv4: str, ipv6: str | None = None) -> tuple[Path, Path]:
    (folder / "route").write_text(HEADER + ipv4)
    if ipv6 is not None:
        (folder / "ipv6_route").write_text(ipv6)
    return folder / "route", folder / "ipv6_route"


def test_the_best_default_route_of_each_interface_counts(tmp_path: Path) -> None:
    text = (
        row("eth0", "0.0.0.0", "192.0.2.9", 3, 200, "0.0.0.0")
        + row("eth0", "0.0.0.0", "192.0.2.1", 3, 100, "0.0.0.0")
        + row("eth0", "192.0.2.0", "0.0.0.0", 1, 0, "255.255.255.0")
        + row("wlan0", "0.0.0.0", "198.51.100.1", 3, 50, "0.0.0.0")
        + row("wlan0", "203.0.113.0", "198.51.100.7", 3, 0, "255.255.255.0")
        + row("tun0", "0.0.0.0", "0.0.0.0", 1, 0, "0.0.0.0")
        + row("down0", "0.0.0.0", "192.0.2.77", 2, 0, "0.0.0.0")
    )
    assert default_gateways(*tables(tmp_path, text)) == (
        Gateway(host="198.51.100.1", interface="wlan0"),
        Gateway(host="192.0.2.1", interface="eth0"),
    )


def test_ipv6_gateways_stand_beside_them(tmp_path: Path) -> None:
    gateway = "fe800000000000000000000000000001"
    text = row6("eth0", gateway, 3, 1024) + row6("lo", ZERO6, 0x200200, 1) + row6("eth1", gateway, 3, 1, "40")
    assert default_gateways(*tables(tmp_path, "", text)) == (Gateway(host="fe80::1%eth0", interface="eth0"),)


@pytest.mark.parametrize("line", ["", "eth0", "eth0 x y z 1 2 3 4", "\0" * 80, row6("eth0", "zz", 3, 1)])
def test_lines_of_another_form_mean_nothing(tmp_path: Path, line: str) -> None:
    good = row("eth0", "0.0.0.0", "192.0.2.1", 3, 0, "0.0.0.0")
    found = default_gateways(*tables(tmp_path, f"{line}\n{good}", f"{line}\n"))
    assert found == (Gateway(host="192.0.2.1", interface="eth0"),)


def test_a_system_without_such_tables_raises(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        default_gateways(tmp_path / "route", tmp_path / "ipv6_route")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such tables")
def test_this_host_can_be_asked() -> None:
    assert isinstance(default_gateways(), tuple)
