"""Capacity planning for FAO's Digital Farmer Registry (Odoo 18 and PostgreSQL) by simulation.

=====================  ===================================================================================
``size``               a Recommendation for so many farmers: ``size(2e6)``
``load_scenario``      a Scenario from a TOML file and single settings
``load_model``         a calibrated Model by name or folder
``save_pictures``      a Recommendation's pictures as PNG
``write_plan``         a Recommendation as a deployment plan in a folder
``InputError``         bad input: one sentence with the value, the range and the remedy
``Infeasible``         nothing meets every target: the binding limit and the nearest change
=====================  ===================================================================================
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dfr_sizing.api import size
    from dfr_sizing.errors import InputError
    from dfr_sizing.model import load_model
    from dfr_sizing.plan.pictures import save_pictures
    from dfr_sizing.plan.write import write_plan
    from dfr_sizing.recommend.types import Infeasible
    from dfr_sizing.scenario import load_scenario

__version__ = "0.1.0"
__all__ = ["Infeasible", "InputError", "load_model", "load_scenario", "save_pictures", "size", "write_plan"]

_WHERE = {
    "size": "api",
    "load_scenario": "scenario",
    "load_model": "model",
    "save_pictures": "plan.pictures",
    "write_plan": "plan.write",
    "InputError": "errors",
    "Infeasible": "recommend.types",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: `dfr-size --help` then loads no numerical library."""
    if name not in _WHERE:
        raise AttributeError(f"dfr_sizing has no {name}; it has {', '.join(__all__)}")
    return getattr(import_module(f"dfr_sizing.{_WHERE[name]}"), name)
