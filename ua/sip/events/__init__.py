"""Event notification (RFC 6665) and what is built on it: transfer, waiting messages, states of dialogs."""
