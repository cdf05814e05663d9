"""The kernel: bus, timers, isolation, snapshots, clocks, and the live engine."""
