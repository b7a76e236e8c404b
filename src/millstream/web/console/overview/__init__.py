"""What the pages Today and Flow map are drawn of."""
