"""What the benchmarks share: a workshop that makes cards, floors, and the report."""
