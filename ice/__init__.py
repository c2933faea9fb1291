"""ICE with UDP and TCP candidates (RFC 8445, RFC 6544), usable without SIP and SDP.

The core (agent, check list, STUN, framing) has no IO, no clock and no randomness of its own; the shell
(network, flows, gather, session, path) runs it on asyncio. `ice.session.Session` is the door.
"""
