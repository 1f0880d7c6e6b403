"""What all benchmarks share: processes to measure, load to put on them, figures to report."""
