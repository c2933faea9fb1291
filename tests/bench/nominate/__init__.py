"""How long two ICE agents take to a nominated pair, 50 ms round trip, with and without working UDP."""
