"""Two machines joined by two lines of text: a pipe over the pair that ICE nominates, without SIP.

`line` reads and writes the text, `identity` and `link` make an encrypted stream of packets on the path
(QUIC), `transfer` decides what is whole and when both ends are done, `join` runs them all.
"""
