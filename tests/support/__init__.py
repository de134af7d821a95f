"""What tests are made of: services, factories, journeys."""
