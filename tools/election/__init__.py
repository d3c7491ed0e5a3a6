"""What the trial of LoRAs from one training shares: the training with averages beside it, the rules, merging."""
