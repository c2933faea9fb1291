"""RTP (RFC 3550 §5): packets, the sources they come from, and our own."""
