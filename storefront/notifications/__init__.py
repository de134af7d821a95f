"""What people are told: in-app notices and e-mail."""
