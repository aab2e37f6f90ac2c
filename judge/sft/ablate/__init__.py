"""What a judge's training data does to it, measured in miniature: ``flex-judge sft-ablate``."""
