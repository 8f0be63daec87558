"""From tables of any kind to bounded matrices, with the derivative of that map."""
