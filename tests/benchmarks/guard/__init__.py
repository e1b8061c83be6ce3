"""What the guard is measured on; see README.md."""
