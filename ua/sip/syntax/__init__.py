"""Syntax and encoding: what SIP messages are made of (RFC 3261 §5, the lowest layer)."""
