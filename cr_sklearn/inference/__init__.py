"""From fitted arrays to outputs and exact Jacobians, in NumPy."""
