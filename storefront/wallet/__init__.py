"""A customer's stored money and its top-ups."""
