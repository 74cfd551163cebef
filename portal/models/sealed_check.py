"""A known text, sealed: whether it opens tells whether this process holds the right key-encryption key."""

from __future__ import annotations

from django.db import models


class SealedCheck(models.Model):
    """One for each key-encryption key that was ever the newest. Holds no secret: everybody knows what was sealed."""

    kid = models.CharField(max_length=40, primary_key=True)
    sealed = models.BinaryField()

    class Meta:
        verbose_name = "sealed check"
        verbose_name_plural = "sealed checks"
        default_permissions = ()

    def __str__(self) -> str:
        return self.kid
