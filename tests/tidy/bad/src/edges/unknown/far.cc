// The root does not add this room.
