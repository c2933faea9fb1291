"""The transaction layer: requests, their responses, repeats and timers (RFC 3261 §17, RFC 6026)."""
