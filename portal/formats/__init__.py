"""How times are written where Django writes them by itself, in the admin above all."""
