"""The numbers that golden scripts and their tests make for themselves (../formula.ts is the same)."""
import math

import torch


def formula(name, count):
    """Values between -1 and 1 of a name."""
    seed = 0
    for character in name:
        seed = (seed * 31 + ord(character)) % 65521
    return torch.tensor([math.sin(0.37 * seed + 1.7 * i + 0.013 * i * i) for i in range(count)])
