"""Every night: the ledger against itself, against the orders, and against the gateway."""
