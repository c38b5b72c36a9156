"""What a handoff costs: the gateway as shipped beside bare servers, measured in one run."""
