"""Is told before the customer calls: what is amiss, since when, and what it does to the business."""
