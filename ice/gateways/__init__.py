"""Port mappings by the gateway: PCP, NAT-PMP, UPnP (RFC 6887, RFC 6886, RFC 6544 §5.3)."""
