"""What is true whatever the transport or the store: values and rules, no clock, no randomness."""
