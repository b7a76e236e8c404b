"""What the pages under Settings share: the way between them, and the small forms."""
