"""Interop testing: scenarios that a peer is put through, what was seen of each, and the report."""
