"""A product's accounts in their order: what moves an order on, what must never, and what the customer is told."""
