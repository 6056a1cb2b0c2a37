"""Benchmarks: ours, what others use for the same, and the limit, measured in turns in one run."""
