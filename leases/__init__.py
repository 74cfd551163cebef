"""The row is the queue: due_at, lease and fencing epoch, for every room."""
