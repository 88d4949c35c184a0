"""The flows: join, charge, pay, refund, settle; each a stage, joined by stored state."""
