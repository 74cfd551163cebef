"""Our PostgreSQL: Django's own, which asks less."""
