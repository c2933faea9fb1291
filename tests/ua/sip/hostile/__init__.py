"""Those who mean harm: what they send costs little, and calls go on meanwhile."""
