"""What is stuck, why, since when and what will happen next, by who must act."""

from portal.staff.stuck.board import Section, board

__all__ = ["Section", "board"]
