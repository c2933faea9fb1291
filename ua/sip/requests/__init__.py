"""Requests of ours, from the draft to the final response."""
