"""What is logged, and how it is written."""
