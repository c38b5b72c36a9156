"""What crosses between this gateway and its peers: composed, applied where this gateway decides,
followed where the other one does."""
