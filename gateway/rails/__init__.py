"""The ways in and out: QR, card and bank. Bytes on one side, domain values on the other."""
