"""STUN messages and transactions (RFC 8489)."""
