"""Money coming in through a gateway, and the inbox of its webhooks."""
