"""SDP (RFC 8866), offer and answer (RFC 3264), and the layer that drives ICE by them (RFC 8839)."""
