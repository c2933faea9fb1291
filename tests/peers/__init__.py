"""Real servers, phones and tools as fixtures: Kamailio, baresip, SIPp, libnice, tshark, network namespaces.

Each takes its ports and folders from the test, waits until its peer is ready instead of sleeping, ends only
the processes that it started, and shows their logs when a test fails.
"""
