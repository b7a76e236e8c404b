"""Bulk actions: what one would come to, and one under way."""
