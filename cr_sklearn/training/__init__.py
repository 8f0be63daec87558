"""From encoded rows to trained networks; imports torch when a fit begins."""
