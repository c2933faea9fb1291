"""The transport layer: sockets and connections (RFC 3261 §18)."""
