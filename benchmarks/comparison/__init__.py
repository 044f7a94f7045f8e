"""``--against REV``: this tree and another commit, measured in turns: ``rounds`` says how, ``spread`` what follows."""
