"""Calls: SIP, offer and answer, ICE and media brought together."""
