"""One-way delay of media over TCP on bad links."""
