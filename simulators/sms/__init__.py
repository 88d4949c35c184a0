"""A Korean SMS provider, in the shape of NAVER Cloud SENS (SMS API v2)."""
