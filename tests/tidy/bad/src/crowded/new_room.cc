// A room that the rules do not name.
