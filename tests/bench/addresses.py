"""What one look at the addresses of this host costs: `python -m tests.bench.addresses`.

The ICE sessions of a process look once a second, all of them together (`ice.net.address_poll`).
"""

from __future__ import annotations

import time

from ice.net.sockets import HostNetwork

LOOKS = 500


def main() -> None:
    """Measure and print."""
    network = HostNetwork()
    addresses = len(network.host_addresses())
    begun, worked = time.perf_counter(), time.process_time()
    for _ in range(LOOKS):
        network.host_addresses()
    took, worked = time.perf_counter() - begun, time.process_time() - worked
    print(f"{addresses} addresses, {LOOKS} looks")
    print(f"{took / LOOKS * 1000:.2f} ms each, {worked / LOOKS * 1000:.2f} ms of them on the processor")


if __name__ == "__main__":
    main()
