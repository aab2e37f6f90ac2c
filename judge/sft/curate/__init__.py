"""From raw pairs of answers to rows that a judge is trained on: ``flex-judge curate``."""
