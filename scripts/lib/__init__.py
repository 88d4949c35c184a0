"""What the admin scripts share. Imports `gateway.domain` and brownie, nothing else of the gateway."""
