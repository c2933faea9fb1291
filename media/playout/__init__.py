"""From packets in any order to audio without gaps: buffer, delay, concealment."""
