"""What watches workloads and makes them true: level-triggered, no memory beyond the store."""
