"""The bank's applications of a virtual chip: debit application, directories, card manager."""
