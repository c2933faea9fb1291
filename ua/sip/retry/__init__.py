"""What to send next after a final response that is no success (core; RFC 3261 §8.1.3)."""
