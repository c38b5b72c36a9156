"""What outsiders verify: signed documents, event documents, receipts and the report on them."""
