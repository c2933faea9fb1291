"""The small PBX."""
