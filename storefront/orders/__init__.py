"""Orders, their lines, states and history."""
