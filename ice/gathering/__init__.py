"""Gathering of candidates: this host, servers, and where they are (RFC 8445 §5.1.1)."""
