"""Sources that run as code in contexts, with the rights and limits of contexts; each runs alone, on CPython 3.9."""
