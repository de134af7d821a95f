"""Keys that game servers ask about."""
