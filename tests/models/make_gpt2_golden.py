#!/usr/bin/env python3
"""Writes tests/models/gpt2_golden/: a tiny GPT-2 of random weights as `transformers` saves it, and
its logits of a few ids. Needs torch and transformers 4.57.1.

usage: tests/models/make_gpt2_golden.py
"""

import sys
from pathlib import Path

import torch
import transformers

if transformers.__version__ != "4.57.1":
    sys.exit(f"make_gpt2_golden: needs transformers 4.57.1, found {transformers.__version__}")
folder = Path(__file__).resolve().parent / "gpt2_golden"
torch.manual_seed(1)
config = transformers.GPT2Config(vocab_size=29, n_positions=16, n_embd=12, n_layer=2, n_head=3)
model = transformers.GPT2LMHeadModel(config).eval()
with torch.no_grad():
    for name, parameter in model.named_parameters():
        # Larger than GPT-2's own: each part of the network then moves the logits.
        parameter.copy_(torch.randn_like(parameter) * 0.4 + ("ln_" in name and "weight" in name))
    ids = torch.randint(0, 29, (2, 16))
    logits = model(ids).logits
model.save_pretrained(folder, safe_serialization=True)
(folder / "generation_config.json").unlink(missing_ok=True)
with open(folder / "logits.txt", "w") as file:
    for row in ids.tolist():
        print(*row, file=file)
    for value in logits.flatten().tolist():
        print(f"{value:.8g}", file=file)
