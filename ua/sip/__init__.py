"""SIP: stream framing, transactions, dialogs, authentication and transports (RFC 3261)."""
