"""What outsiders verify: signed documents, log documents, receipts and the verdict on them."""
