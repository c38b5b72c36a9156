"""The words of reports and pages, in English and in French: their one home."""
