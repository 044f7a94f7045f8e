"""Sources that run as code in the contexts that attack and are attacked; each runs alone, on CPython 3.9."""
