"""The PSAM as a virtual chip of its own (ref 12 §5, 02 §7)."""
