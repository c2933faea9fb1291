"""Sessions: calls placed, calls taken, and the leg that both become (RFC 3261 §13 to §15)."""
