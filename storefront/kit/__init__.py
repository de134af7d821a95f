"""Small, pure building blocks used by every feature: money, time, identifiers, state machines."""
