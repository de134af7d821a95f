"""Who people are: users, sign-in sessions, roles, the audit log."""
