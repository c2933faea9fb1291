"""Simulated networks under virtual time.

`internet` and its neighbours are a small Internet: hosts, routers with NATs and firewalls, lines. `survey`
asks on it whether two agents find each other wherever they can. `pair_network` joins two agents directly,
for tests that look at, change or drop single packets.
"""
