"""RTCP (RFC 3550 §6): packets, when they are sent, who takes part."""
