"""The thin face for machines: licence checks, webhooks, health."""
