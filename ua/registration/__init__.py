"""Being known to a registrar: flows, their keep-alives, and what follows when they fail (RFC 5626)."""
