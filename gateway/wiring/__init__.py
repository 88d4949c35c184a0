"""Where the parts are joined: the flows' Protocols on one side, chain, bank and SMS on the other."""
