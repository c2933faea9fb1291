"""Lite agents (RFC 8445 §2.5, RFC 6544 §4.4)."""
