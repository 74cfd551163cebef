"""One link of the hash chain over the entries, so that a later change to memory can be shown."""

from __future__ import annotations

from django.db import models

from audit.models.entry import Entry


class Link(models.Model):
    """Position n holds SHA-256(hash of n-1, canonical entry). Written some moments after the entry, by one sealer at a time."""

    entry = models.OneToOneField(Entry, on_delete=models.PROTECT, related_name="link")
    position = models.PositiveBigIntegerField(unique=True)
    hash = models.CharField(max_length=64)

    class Meta:
        default_permissions = ()
        ordering = ["position"]

    def __str__(self) -> str:
        return f"{self.position}: {self.hash[:12]}"
