"""The phone: SIP user agent, calls, registration and the command line."""
