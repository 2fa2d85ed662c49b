"""Data of the debit application: object lists, bit maps, file locators, issuer data."""
