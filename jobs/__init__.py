"""The thin face for the clock and the queue."""
