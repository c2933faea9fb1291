"""From a SIP URI to the servers to try (RFC 3263)."""
