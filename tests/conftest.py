"""Fixtures of all tests."""

pytest_plugins = [
    "pytester",
    "tests.conformance.plugin",
    "tests.leaks",
    "tests.peers.process",
    "tests.peers.registry",
]
