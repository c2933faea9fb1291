"""What the shape of the code must keep: cores without IO, who imports whom, small files."""
