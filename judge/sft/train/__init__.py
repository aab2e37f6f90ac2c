"""``flex-judge sft``: fine-tuning a checkpoint into a judge by TRL's SFTTrainer."""
