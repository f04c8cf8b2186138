"""A bill as JSON: amounts in dollars and in the asked currency, by year, tier and item."""

from __future__ import annotations

from typing import Any

from dfr_sizing.cost import Bill, CostItem, Tier
from dfr_sizing.cost_interval import BillInterval, bill_interval
from dfr_sizing.plan.money import Money

Json = dict[str, Any]


def amounts_json(money: Money, monthly_usd: float, five_year_usd: float) -> Json:
    """Dollars, and the asked currency beside them where it is another one."""
    amounts: Json = {"monthly_usd": monthly_usd, "five_year_usd": five_year_usd}
    if not money.is_dollar:
        amounts |= {"monthly_local": money.span(monthly_usd), "five_year_local": money.span(five_year_usd)}
    return amounts


def bill_json(bill: Bill, money: Money) -> Json:
    """All of a bill: month and five years, by year, by tier and item, and how well it is known."""
    found = amounts_json(money, bill.monthly_usd, bill.five_year_usd)
    if not money.is_dollar:
        found |= {"currency": money.currency, "usd_rate": money.rate}
    found["by_year_usd"] = bill.by_year_usd
    found |= _interval(bill_interval(bill))
    found["tiers"] = {str(tier): _tier(bill, tier, money) for tier in Tier}
    found["items"] = [_item(item, money) for item in bill.items]
    return found


def _interval(known: BillInterval) -> Json:
    """How well the bill is known by its prices, and the widest reasons."""
    return {
        "five_year_usd_by_prices": known.five_year_usd,
        "least_known": [
            {
                "name": each.name,
                "known_as": each.known_as,
                "source": each.source,
                "less_usd": each.less_usd,
                "more_usd": each.more_usd,
            }
            for each in known.largest
        ],
    }


def _tier(bill: Bill, tier: Tier, money: Money) -> Json:
    years = bill.tier_by_year_usd(tier)
    return {**amounts_json(money, bill.of_tier(tier), sum(years)), "by_year_usd": years}


def _item(item: CostItem, money: Money) -> Json:
    return {
        "tier": item.tier,
        "name": item.name,
        **amounts_json(money, item.monthly_usd, item.five_year_usd),
        "by_year_usd": item.by_year_usd,
        "basis": item.basis,
        "label": item.price.label,
        "price_date": item.price.date,
        "source": item.price.source,
    }
