"""Files below a context's directory, by descriptors: no name of a client or link of user code leads out of it."""
