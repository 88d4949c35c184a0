"""Outside parties of the platform, each a separate program that speaks the real party's protocol.

They share nothing with the gateway but the public message formats: no code of it is imported here.
"""
