#!/usr/bin/env python3
"""PyTorch's side of tools/bench/compare_pytorch: times one training step of a model's networks.

usage: pytorch_step.py MODEL THREADS STEPS      prints one JSON object
The networks are those of `etude bench step font_gan --networks two_conv`, `etude bench step
drum_vae --networks small`, `etude bench step performance_lstm --preset full` and `etude bench step
music_gpt --preset bench`, the last two alone and with --networks generate, written the way a
PyTorch user would, with in-place activations, gradients set to None, fused attention and, where
there is one, the fused optimizer.
"""

import json
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F


def font_gan(batch=64):
    generator = nn.Sequential(
        nn.Linear(100, 6272), nn.BatchNorm1d(6272), nn.ReLU(inplace=True),
        nn.Unflatten(1, (128, 7, 7)),
        nn.ConvTranspose2d(128, 64, 4, stride=2, padding=1), nn.BatchNorm2d(64),
        nn.ReLU(inplace=True),
        nn.ConvTranspose2d(64, 1, 4, stride=2, padding=1), nn.Tanh())
    discriminator = nn.Sequential(
        nn.Conv2d(1, 64, 4, stride=2, padding=1), nn.LeakyReLU(0.2, inplace=True), nn.Dropout(0.3),
        nn.Conv2d(64, 128, 4, stride=2, padding=1), nn.BatchNorm2d(128),
        nn.LeakyReLU(0.2, inplace=True), nn.Dropout(0.3),
        nn.Flatten(), nn.Linear(6272, 1))
    adam_g = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    adam_d = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    loss = nn.BCEWithLogitsLoss()
    real = torch.rand(batch, 1, 28, 28) * 2 - 1
    ones, zeros = torch.ones(batch, 1), torch.zeros(batch, 1)

    def step():
        fake = generator(torch.randn(batch, 100))
        adam_d.zero_grad(set_to_none=True)
        (loss(discriminator(real), ones) + loss(discriminator(fake.detach()), zeros)).backward()
        adam_d.step()
        adam_g.zero_grad(set_to_none=True)
        discriminator.requires_grad_(False)
        loss(discriminator(fake), ones).backward()
        adam_g.step()
        discriminator.requires_grad_(True)

    return step


class SmallVae(nn.Module):
    def __init__(self):
        super().__init__()
        self.encode = nn.Sequential(
            nn.Conv1d(9, 32, 3, padding=1), nn.ReLU(inplace=True),
            nn.Conv1d(32, 64, 3, stride=2, padding=1), nn.ReLU(inplace=True),
            nn.Conv1d(64, 64, 3, stride=2, padding=1), nn.ReLU(inplace=True), nn.Flatten())
        self.low = nn.Linear(256, 24)
        self.high = nn.Sequential(nn.Linear(12, 64), nn.ReLU(inplace=True), nn.Linear(64, 8))
        self.prior = nn.Sequential(nn.Linear(4, 64), nn.ReLU(inplace=True), nn.Linear(64, 24))
        self.decode = nn.Sequential(
            nn.Linear(12, 256), nn.ReLU(inplace=True), nn.Unflatten(1, (64, 4)),
            nn.ConvTranspose1d(64, 32, 4, stride=2, padding=1), nn.ReLU(inplace=True),
            nn.ConvTranspose1d(32, 9, 4, stride=2, padding=1))

    def forward(self, x):
        mean, log_variance = self.low(self.encode(x)).chunk(2, dim=1)
        z_low = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        high_mean, high_log_variance = self.high(z_low).chunk(2, dim=1)
        z_high = high_mean + torch.exp(0.5 * high_log_variance) * torch.randn_like(high_mean)
        prior_mean, prior_log_variance = self.prior(z_high).chunk(2, dim=1)
        reconstruction = F.binary_cross_entropy_with_logits(self.decode(z_low), x, reduction="sum")
        kl_high = 0.5 * (high_mean ** 2 + high_log_variance.exp() - 1 - high_log_variance).sum()
        kl_low = 0.5 * (prior_log_variance - log_variance - 1 + ((mean - prior_mean) ** 2 +
                        log_variance.exp()) / prior_log_variance.exp()).sum()
        return (reconstruction + kl_high + kl_low) / x.shape[0]


def drum_vae(batch=32):
    model = SmallVae()
    adam = torch.optim.Adam(model.parameters(), lr=1e-3)
    x = (torch.rand(batch, 9, 16) < 0.2).float()

    def step():
        adam.zero_grad(set_to_none=True)
        model(x).backward()
        adam.step()

    return step


class PerformanceLstm(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(240, 240)
        self.lstm = nn.LSTM(240, 512, num_layers=3)
        self.out = nn.Linear(512, 240)

    def forward(self, ids, state=None):
        y, state = self.lstm(self.embed(ids), state)
        return self.out(y), state


def performance_lstm(batch=64, window=200):
    model = PerformanceLstm()
    adam = torch.optim.Adam(model.parameters(), lr=1e-3)
    ids, targets = torch.randint(240, (2, window, batch))

    def step():
        adam.zero_grad(set_to_none=True)
        logits, _ = model(ids)
        F.cross_entropy(logits.flatten(0, 1), targets.flatten()).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()

    return step


def performance_lstm_generate():
    model = PerformanceLstm().eval()
    last = {"ids": torch.zeros(1, 1, dtype=torch.long), "state": None}

    @torch.inference_mode()
    def step():
        logits, last["state"] = model(last["ids"], last["state"])
        last["ids"] = torch.multinomial(torch.softmax(logits[0], dim=-1), 1)

    return step


class Block(nn.Module):
    def __init__(self, width, heads, dropout):
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU("tanh"),
                                 nn.Linear(4 * width, width))
        self.drop = nn.Dropout(dropout)

    def forward(self, x, cache=None, at=0):
        qkv = self.qkv(self.ln_1(x)).unflatten(2, (3, self.heads, -1)).transpose(1, 3)
        q, k, v = qkv.unbind(2)
        if cache is not None:
            end = at + x.shape[1]
            cache[0][:, :, at:end], cache[1][:, :, at:end] = k, v
            k, v = cache[0][:, :, :end], cache[1][:, :, :end]
        y = F.scaled_dot_product_attention(q, k, v, is_causal=x.shape[1] > 1,
                                           dropout_p=self.dropout if self.training else 0.0)
        x = x + self.drop(self.out(y.transpose(1, 2).flatten(2)))
        return x + self.drop(self.mlp(self.ln_2(x)))


class MusicGpt(nn.Module):
    def __init__(self, vocabulary=312, context=256, layers=4, heads=4, width=256, dropout=0.1):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(layers))
        self.norm, self.drop = nn.LayerNorm(width), nn.Dropout(dropout)
        self.head = nn.Linear(width, vocabulary, bias=False)
        nn.init.normal_(self.tokens.weight, 0, 0.02)
        self.head.weight = self.tokens.weight

    def forward(self, ids, caches=None, at=0):
        x = self.drop(self.tokens(ids) + self.positions.weight[at:at + ids.shape[1]])
        for i, block in enumerate(self.blocks):
            x = block(x, caches and caches[i], at)
        return self.head(self.norm(x))


def music_gpt(batch=8, context=256, dropout=0.1):
    model = MusicGpt(context=context, dropout=dropout)
    options = {"lr": 4e-4, "weight_decay": 1e-5}
    try:
        adam = torch.optim.AdamW(model.parameters(), fused=True, **options)
    except RuntimeError:
        adam = torch.optim.AdamW(model.parameters(), **options)
    cycle = torch.optim.lr_scheduler.OneCycleLR(adam, 4e-4, total_steps=100000, pct_start=0.1,
                                                div_factor=1000)
    ids = torch.randint(312, (batch, context))

    def step():
        adam.zero_grad(set_to_none=True)
        F.cross_entropy(model(ids).flatten(0, 1), ids.flatten()).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
        cycle.step()

    return step


def music_gpt_generate(context=256):
    model = MusicGpt(context=context).eval()
    caches = [[torch.zeros(1, 4, context, 64) for _ in range(2)] for _ in range(4)]
    last = {"ids": torch.zeros(1, 1, dtype=torch.long)}

    @torch.inference_mode()
    def step():
        logits = model(last["ids"], caches, context // 2)
        last["ids"] = torch.multinomial(torch.softmax(logits[0], dim=-1), 1)

    return step


MODELS = {"font_gan": font_gan, "drum_vae": drum_vae, "performance_lstm": performance_lstm,
          "performance_lstm_generate": performance_lstm_generate, "music_gpt": music_gpt,
          "music_gpt_no_dropout": lambda: music_gpt(dropout=0),
          "music_gpt_generate": music_gpt_generate}


def main():
    model, threads, steps = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(0)
    step = MODELS[model]()
    for _ in range(min(10, steps)):
        step()
    times = []
    for _ in range(steps):
        begin = time.perf_counter()
        step()
        times.append(1e3 * (time.perf_counter() - begin))
    times.sort()
    print(json.dumps({"version": torch.__version__, "threads": threads, "steps": steps,
                      "ms_median": times[len(times) // 2], "ms_q1": times[len(times) // 4],
                      "ms_q3": times[3 * len(times) // 4]}))


if __name__ == "__main__":
    main()
