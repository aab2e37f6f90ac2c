"""Judging again, by another judge or rubric, what was judged before, and comparing the two.

records + what stands in the rows → agreement, flips, rank correlation

before    the earlier scores or preference of a row
compare   one row's two judgements, and sums over all rows
picture   the two beside each other
rescore   all of it; command is ``flex-reward rescore``
"""
