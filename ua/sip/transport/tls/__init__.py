"""SIP over TLS: what is asked of certificates, and the record layer without IO (RFC 3261 §26, RFC 5922)."""
