"""RTP over whatever path carries packets: UDP or framed TCP, by the same interface (`media.path`)."""
