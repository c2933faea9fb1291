"""SDP, offer and answer (RFC 8866, RFC 3264) with ICE over UDP and TCP (RFC 8839, RFC 6544, RFC 4145).

The core (`parser`, `writer`, the attribute codecs, `offer_answer`, `exchange`) has no IO, no clock and no
randomness; `ice_binding` drives one `ice.session.Session` for one audio stream.
"""
