"""The report of a call: one HTML file that needs no network, drawn from the event log."""
