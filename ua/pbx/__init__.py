"""A small PBX: a registrar, and a back-to-back agent between the phones that registered."""
