"""The log: structured lines with ids to search by, and a last guard that lets no secret through."""
