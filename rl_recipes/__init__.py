"""How a policy is aligned with a judge's reward."""
