"""Money: integer fen in the database, `Decimal` yuan in code, strings in JSON; half up.

SQLite keeps a Django decimal as a double and loses digits, so amounts are stored as whole fen and prices as
whole 1/10,000 yuan.
"""

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

FEN = Decimal("0.01")
PRICE_STEP = Decimal("0.0001")


def to_fen(yuan: Decimal) -> int:
    """Yuan → whole fen, half up. Raises ValueError on NaN and infinity."""
    if not yuan.is_finite():
        raise ValueError("amount is not a number")
    return int(yuan.quantize(FEN, ROUND_HALF_UP).scaleb(2))


def from_fen(fen: int) -> Decimal:
    """Whole fen → yuan with two places."""
    return Decimal(fen).scaleb(-2)


def to_price(yuan: Decimal) -> int:
    """Yuan → whole 1/10,000 yuan, half up."""
    return int(yuan.quantize(PRICE_STEP, ROUND_HALF_UP).scaleb(4))


def from_price(price: int) -> Decimal:
    """Whole 1/10,000 yuan → yuan with four places."""
    return Decimal(price).scaleb(-4)


def parse_yuan(text: str) -> Decimal:
    """What a person typed ("1,234.5", "￥20") as yuan. Raises ValueError when it is not an amount."""
    cleaned = text.strip().replace(",", "").replace("，", "").lstrip("¥￥").removesuffix("元").strip()
    try:
        value = Decimal(cleaned)
    except InvalidOperation as error:
        raise ValueError("not an amount") from error
    if not value.is_finite():
        raise ValueError("not an amount")
    return value
