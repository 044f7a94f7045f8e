"""The state of contexts: forks, checkpoints, archives, hibernation."""
