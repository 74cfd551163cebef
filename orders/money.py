"""Money: whole minor units beside their currency (ISO 4217)."""

from __future__ import annotations

# Currencies whose smallest unit is not a hundredth. MGA is counted whole: nobody pays in its fifths.
_WHOLE = "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF UGX VND VUV XAF XOF XPF"
_THOUSANDTHS = "BHD JOD KWD OMR TND"
_DIGITS = dict.fromkeys(_WHOLE.split(" "), 0) | dict.fromkeys(_THOUSANDTHS.split(" "), 3)


def digits(currency: str) -> int:
    """Return how many decimal places the currency is written with: 0, 2 or 3."""
    return _DIGITS.get(currency.upper(), 2)


def shown(amount: int, currency: str) -> str:
    """Return 4900, "EUR" as "49.00 EUR", for texts; pages use the `money` tag."""
    places = digits(currency)
    if places == 0:
        return f"{amount} {currency}"
    sign = "-" if amount < 0 else ""
    whole, part = divmod(abs(amount), 10**places)
    return f"{sign}{whole}.{part:0{places}d} {currency}"
