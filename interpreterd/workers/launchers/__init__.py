"""What starts workers: one file each."""
