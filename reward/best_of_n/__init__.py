"""Best-of-N: the judge chooses among the candidates of a prompt, and what choosing brings is told.

records → picks for each N and seed → curve beside baselines

ties       which of several equally good candidates is taken
knockout   candidates meet two by two, and winners go on
picks      the choice among the first N of a draw, by scores or by knockout
truth      what candidates are really worth, where that is known
curve      the judge's choice, a random one, the majority's, the longest and the best, by N
report, picture   what is told
best_of_n  all of it; command is ``flex-reward best-of-n``
"""
