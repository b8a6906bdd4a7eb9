"""Objects on a gateway far away."""
