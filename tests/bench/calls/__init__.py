"""What calls leave behind, and how many a second there may be."""
