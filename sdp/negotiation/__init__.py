"""Offer and answer (RFC 3264): what is offered, how it is answered, what both sides then agree on."""
