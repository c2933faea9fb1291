"""Time from the INVITE to voice both ways; `python -m tests.bench.setup`."""
