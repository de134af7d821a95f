"""What a visitor means to buy, before it is an order."""
