"""The media of a stream over TCP without ICE (RFC 4145, RFC 4571), driven by its offers and answers."""
