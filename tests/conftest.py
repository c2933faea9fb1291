"""Fixtures and settings of all tests."""

from hypothesis import HealthCheck, settings

pytest_plugins = [
    "pytester",
    "tests.certificates",
    "tests.conformance.plugin",
    "tests.leaks",
    "tests.peers.process",
    "tests.peers.registry",
    "tests.peers.pion",
    "tests.steady_loop",
    "tests.standstill",
]

# A busy machine is slow, and that is no fault of the code: speed is the matter of tests/bench.
settings.register_profile("icephone", deadline=None, suppress_health_check=(HealthCheck.too_slow,))
settings.load_profile("icephone")
