"""The page of one delivery, part by part."""
