"""The stand-ins for the outside world: Stripe, Discord, a mailbox and an S3 store."""
