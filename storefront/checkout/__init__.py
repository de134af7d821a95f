"""From cart to completed order: the orchestration of paying."""
