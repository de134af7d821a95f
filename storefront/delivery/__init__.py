"""Files for the owner of a licence."""
