"""SRTP on a path (RFC 3711), and its keys from the path itself (DTLS-SRTP, RFC 5764)."""
