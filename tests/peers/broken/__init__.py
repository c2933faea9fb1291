"""Peers that do one thing wrong each, on real sockets, and one that does nothing wrong to tell them by."""
