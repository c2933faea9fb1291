"""SDP, offer and answer (RFC 8866, RFC 3264) with ICE over UDP and TCP (RFC 8839, RFC 6544, RFC 4145).

`syntax`, `attributes` and `negotiation` have no IO, no clock and no randomness; `ice` and `tcp` hold the
sockets of one audio stream and hand its paths to its media.
"""
