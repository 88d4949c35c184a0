"""QR payment codes: EMVCo merchant-presented and consumer-presented, and their images."""
