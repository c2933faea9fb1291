"""The text of a session description (RFC 8866) and its values."""
