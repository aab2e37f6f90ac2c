"""What RDKit says of molecules: validity, properties, alerts, novelty and diversity, as numbers.

Nothing here is asked of a judge. A figure that cannot be had is None, never a number.
"""
