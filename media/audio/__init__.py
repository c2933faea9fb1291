"""Where audio comes from and goes to: mono, 16 bit."""
