"""Card operating systems: the commands that build a card, one module per dialect."""
