"""Selected paths: media, consent, loss (RFC 8445 §11, §12, RFC 7675, RFC 6544 §11)."""
