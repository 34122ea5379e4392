"""What a change brings besides its code, and the one check that guards the default branch."""
