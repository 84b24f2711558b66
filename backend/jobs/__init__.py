"""Work for the workers: PostgreSQL holds the truth, a bell only says look."""
