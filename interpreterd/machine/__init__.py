"""The state machine of one context, without I/O."""
