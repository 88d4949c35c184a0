"""Benchmarks: each with its peer beside it. `make bench-qr` and the like; results in `bench/results/`."""
