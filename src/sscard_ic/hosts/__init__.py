"""The other ends a terminal talks to: interfaces, and reference servers on top of them."""
