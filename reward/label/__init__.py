"""Preference data: the pairs of candidates between which a judge is clear.

records → pairs → (balanced) → rows in TRL's format, with a card and a report

pairs     which pairs a row gives, and why others are left out
balance   as many pairs whose longer candidate wins as the other way round
columns   a row of the dataset
tally     the funnel, and how biased the judge was
card, picture, hub   what goes with the dataset
label     all of it; command is ``flex-reward label``
"""
