"""Reads a page of figures as Prometheus does."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families


class Figures:
    def __init__(self, text: str) -> None:
        self.text = text
        self.samples = [
            sample for family in text_string_to_metric_families(text) for sample in family.samples
        ]

    def value(self, name: str, **labels: str) -> float | None:
        """Return the one figure of this name with at least these labels, None when there is none."""
        found = [s.value for s in self.samples if s.name == name and labels.items() <= s.labels.items()]
        assert len(found) < 2, f"{name}{labels}: {found}"
        return found[0] if found else None

    def names(self) -> set[str]:
        return {sample.name for sample in self.samples}
