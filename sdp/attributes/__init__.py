"""Attributes and other lines of an m= section, each read and written in one file."""
