"""The debit application of the bank on the card, from the terminal's side (ref 04, 14).

A terminal for tests and for showing how a transaction goes, not a certified kernel.
"""
