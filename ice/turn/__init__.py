"""TURN: relayed addresses for UDP and TCP (RFC 8656, RFC 6062)."""
