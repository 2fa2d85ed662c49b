"""Block ciphers, MACs, diversification and authentication cryptograms of the card.

All functions take and give plain ``bytes``; secrecy of what they are given is the caller's duty.
"""
