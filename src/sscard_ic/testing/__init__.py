"""Virtual cards and readers for the tests of other programs: a pytest plugin."""
