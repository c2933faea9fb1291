"""The same calls by other projects, each in an environment of its own.

The sides run there: of this repository they import only what needs the standard library alone.
"""
