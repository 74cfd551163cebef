"""Money as people read it: minor units and a currency code become "€49.00"."""

from __future__ import annotations

from decimal import Decimal

from django.utils.formats import number_format
from django.utils.translation import pgettext

# ISO 4217 minor units where they are not two, as card processors charge them.
_EXPONENTS = dict.fromkeys(
    [
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "JPY",
        "KMF",
        "KRW",
        "MGA",
        "PYG",
        "RWF",
        "UGX",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    ],
    0,
) | dict.fromkeys(["BHD", "JOD", "KWD", "OMR", "TND"], 3)

_SYMBOLS = {
    "EUR": "€",
    "GBP": "£",
    "USD": "US$",
    "CAD": "CA$",
    "AUD": "A$",
    "NZD": "NZ$",
    "JPY": "¥",
    "INR": "₹",
}


def exponent(currency: str) -> int:
    """How many digits the minor unit has: 2 for EUR, 0 for JPY, 3 for KWD."""
    return _EXPONENTS.get(currency.upper(), 2)


def money_text(amount: int, currency: str) -> str:
    """Return `amount` (integer minor units) of `currency` (ISO 4217), separators after the active language.

    Raises TypeError on anything but an int: a float here is a bug that would cost money.
    """
    if isinstance(amount, bool) or not isinstance(amount, int):
        raise TypeError(f"money is integer minor units, not {type(amount).__name__}")
    code = currency.upper()
    digits = exponent(code)
    number = number_format(Decimal(abs(amount)).scaleb(-digits), digits, use_l10n=True, force_grouping=True)
    symbol = _SYMBOLS.get(code)
    if symbol:
        text = pgettext("money with a symbol", "%(symbol)s%(amount)s") % {"symbol": symbol, "amount": number}
    else:
        text = pgettext("money with a code", "%(amount)s %(code)s") % {"amount": number, "code": code}
    return f"−{text}" if amount < 0 else text
