"""What people at the console have: a name, a password, and screens of two sizes."""

ADMIN, PASSWORD = "admin", "a long enough password"
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
