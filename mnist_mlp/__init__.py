"""What the scripts of this project share; the README has the map."""
