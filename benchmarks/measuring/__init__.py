"""What the benchmarks share: processes with a limit, a meter of what a process costs, and the way results are shown."""
