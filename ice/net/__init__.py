"""The shell towards the network: sockets, connections, framing, clock."""
