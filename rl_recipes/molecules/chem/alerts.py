"""Structural alerts: substructures that make a molecule suspect in screening or as a drug.

PAINS: J. B. Baell, G. A. Holloway, J. Med. Chem. 53, 2719 (2010). BRENK: R. Brenk et al.,
ChemMedChem 3, 435 (2008). Both ship with RDKit.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from rdkit.Chem.FilterCatalog import FilterCatalog, FilterCatalogParams


def alerts(molecule: Any) -> tuple[str, ...]:
    """Names of the alerts that the molecule raises, e.g. ``"azo_A(324)"``; about 2 ms."""
    return tuple(match.GetDescription() for match in _catalog().GetMatches(molecule))


@cache
def _catalog() -> FilterCatalog:
    parameters = FilterCatalogParams()
    for catalog in ("PAINS", "BRENK"):
        parameters.AddCatalog(getattr(FilterCatalogParams.FilterCatalogs, catalog))
    return FilterCatalog(parameters)
