"""Benchmarks of the vault against restic and borg, measured in the same run."""
