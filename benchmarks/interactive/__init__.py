"""The dynamic interactive method on real volumes: what a few drawn slices are worth. `python -m benchmarks.interactive`."""
