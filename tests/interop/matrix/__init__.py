"""Every scenario against every peer that tests can start, and the table of it: `docs/interop.md`."""
