"""The media of a stream over ICE (RFC 8839, RFC 8840), driven by its offers and answers."""
