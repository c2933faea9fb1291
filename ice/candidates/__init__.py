"""Candidates of both sides and their priorities (RFC 8445 §5.1, RFC 6544 §4)."""
