"""The scenarios: a module for each suite, or for a part of one; `ua.interop.catalog` finds them."""
