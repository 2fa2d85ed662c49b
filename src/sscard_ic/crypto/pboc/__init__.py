"""Cryptography of the debit application: card keys, cryptograms, scripts, offline signatures."""
