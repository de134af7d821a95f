"""The thin face for staff."""
