"""The double-entry ledger: every movement of value, exactly once."""
