"""Connectivity checks, from pairs to nomination (RFC 8445 §6 to §8, RFC 6544 §6 to §8)."""
