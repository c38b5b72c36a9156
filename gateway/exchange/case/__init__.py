"""What an originator does with its own case, and what parties set on it."""
