"""How a judge is made: curate reasoned judgements, fine-tune on them, compare the ways to do so."""
