#!/usr/bin/env python3
"""PyTorch's side of `etude bench FAMILY --against torch`: times operations on given operands.

usage: pytorch_kernels.py < request.json       prints one JSON object

Request: device (cpu or cuda), threads, flush_bytes (written over before each run; 0: none), cases:
each with operation, tf32, numbers (its parameters) and operands (role, shape, strides, dtype, lo,
hi) in the order of the family's functions. Answer: version, and per case ms_median, ms_q1, ms_q3
and runs, or `missing`: why PyTorch has no time; `backend` where one was forced and was the fastest.
The warm-up and the number of runs are those of tools/etude/kernel_bench_time.cpp. What a user would
call is called, so Python's own cost, a few microseconds, is part of a time.
"""

import contextlib
import json
import math
import sys
import time

import torch
import torch.nn.functional as F

aten = torch.ops.aten


def tensor_of(operand, device):
    """A tensor of the operand's shape and strides, with uniform values."""
    dtype = {"f32": torch.float32, "f64": torch.float64, "bf16": torch.bfloat16,
             "i32": torch.int64}[operand["dtype"]]  # PyTorch's class numbers are 64 bits long
    x = torch.empty_strided(operand["shape"], operand["strides"], dtype=dtype, device=device)
    lo, hi = operand["lo"], operand["hi"]
    storage = x.as_strided((x.untyped_storage().nbytes() // x.element_size(),), (1,))
    if dtype == torch.int64:
        storage.copy_(torch.randint(int(lo), max(int(lo) + 1, int(hi)), storage.shape))
    else:
        storage.uniform_(lo, hi)
    return x


def reduced(x, y):
    """The dimensions over which x is reduced to y's shape."""
    return [d for d in range(x.dim()) if x.shape[d] != y.shape[d]]


class Operations:
    """A method per operation: takes the case's numbers and operands, returns the call to time."""

    def matmul(self, n, a, b, c):
        return lambda: torch.matmul(a, b, out=c)

    @staticmethod
    def window(n):
        pairs = [(int(n[f"{name}_h"]), int(n[f"{name}_w"])) for name in ("stride", "pad", "dilation")]
        return [*pairs, (int(n.get("output_pad_h", 0)), int(n.get("output_pad_w", 0))),
                int(n["groups"])]

    def conv(self, n, x, w, y):
        stride, pad, dilation, _, groups = self.window(n)
        return lambda: F.conv2d(x, w, None, stride, pad, dilation, groups)

    def conv_transpose(self, n, x, w, y):
        stride, pad, dilation, output_pad, groups = self.window(n)
        return lambda: F.conv_transpose2d(x, w, None, stride, pad, output_pad, groups, dilation)

    def gradient(self, n, dy, x, w, mask, transposed):
        stride, pad, dilation, output_pad, groups = self.window(n)
        return lambda: aten.convolution_backward(dy, x, w, None, stride, pad, dilation, transposed,
                                                 output_pad, groups, mask)

    def conv_input_grad(self, n, dy, w, dx):
        return self.gradient(n, dy, dx, w, [True, False, False], False)

    def conv_weight_grad(self, n, x, dy, dw):
        return self.gradient(n, dy, x, dw, [False, True, False], False)

    def conv_transpose_input_grad(self, n, dy, w, dx):
        return self.gradient(n, dy, dx, w, [True, False, False], True)

    def conv_transpose_weight_grad(self, n, x, dy, dw):
        return self.gradient(n, dy, x, dw, [False, True, False], True)

    def softmax(self, n, x, y):
        return lambda: torch.softmax(x, 1)

    def log_softmax(self, n, x, y):
        return lambda: torch.log_softmax(x, 1)

    def cross_entropy(self, n, x, target, loss):
        return lambda: F.cross_entropy(x, target, reduction="none")

    def cross_entropy_grad(self, n, x, target, dloss, dx):
        x.requires_grad_()
        loss = F.cross_entropy(x, target, reduction="none")
        return lambda: torch.autograd.grad(loss, x, dloss, retain_graph=True)

    @staticmethod
    def layer(x, w_ih, w_hh, bias, h0, c0):
        """y, h and c of the last step; in training, as the kernels keep what the gradient needs."""
        states = [s.to(x.dtype).unsqueeze(0) for s in (h0, c0)]
        weights = [w_ih, w_hh, bias, torch.zeros_like(bias)]
        with torch.enable_grad():
            return torch.lstm(x, states, weights, True, 1, 0.0, True, False, False)

    def lstm(self, n, *operands):
        inputs = [t.requires_grad_() for t in operands[:6]]
        return lambda: self.layer(*inputs)

    def lstm_grad(self, n, *operands):
        inputs = [t.requires_grad_() for t in operands[:6]]
        results = self.layer(*inputs)
        grads = [d.to(r.dtype).view_as(r) for d, r in zip(operands[9:12], results)]
        return lambda: torch.autograd.grad(results, inputs, grads, retain_graph=True,
                                           allow_unused=True)  # on the CPU h0 and c0 are

    @staticmethod
    def attended(n, q, k, v):
        return F.scaled_dot_product_attention(q, k, v, None, n.get("dropout", 0.0),
                                              bool(n.get("causal", 0)), scale=n["scale"])

    def attention(self, n, q, k, v, y, lse):
        return lambda: self.attended(n, q, k, v)

    def attention_grad(self, n, q, k, v, y, lse, dy, dq, dk, dv):
        inputs = [t.requires_grad_() for t in (q, k, v)]
        with torch.enable_grad():
            y = self.attended(n, *inputs)
        return lambda: torch.autograd.grad(y, inputs, dy, retain_graph=True)

    def attention_decode(self, n, q, k, v, lengths, y):
        return lambda: self.attended(n, q.unsqueeze(2), k, v)

    def embedding(self, n, ids, w, y):
        return lambda: F.embedding(ids, w)

    def embedding_grad(self, n, ids, dy, dw):
        return lambda: aten.embedding_dense_backward(dy, ids, int(n["rows"]), -1, False)

    def sample(self, n, logits, history, token, log_prob, flag):
        penalty, top_k, top_p = n["repetition_penalty"], int(n["top_k"]), n["top_p"]

        def call():
            x, index = logits, None
            if history.shape[1]:
                seen = x.gather(1, history)
                x = x.scatter(1, history, torch.where(seen > 0, seen / penalty, seen * penalty))
            if top_k:
                x, index = torch.topk(x, top_k)  # from here on k columns, in descending order
            elif top_p < 1:
                x, index = torch.sort(x, descending=True)
            p = torch.softmax(x / n["temperature"], 1)
            if top_p < 1:
                p = p.masked_fill(p.cumsum(1) - p >= top_p, 0)
                p /= p.sum(1, keepdim=True)
            drawn = torch.multinomial(p, 1)
            return drawn if index is None else index.gather(1, drawn), p.gather(1, drawn).log()

        return call

    @staticmethod
    def normalised(n, x, gamma, beta, running_mean, running_var, training):
        y = F.batch_norm(x, running_mean, running_var, gamma, beta, training, n["momentum"],
                         n["eps"])
        return y if n["slope"] == 1 else F.leaky_relu_(y, n["slope"])

    def batch_norm_train(self, n, x, gamma, beta, mean, rstd, running_mean, running_var, y):
        return lambda: self.normalised(n, x, gamma, beta, running_mean, running_var, True)

    def batch_norm_infer(self, n, x, gamma, beta, running_mean, running_var, y):
        return lambda: self.normalised(n, x, gamma, beta, running_mean, running_var, False)

    def batch_norm_grad(self, n, dy, x, gamma, beta, mean, rstd, dx, dgamma, dbeta):
        inputs = [t.requires_grad_() for t in (x, gamma, beta)]
        with torch.enable_grad():
            y = self.normalised(n, *inputs, torch.zeros_like(gamma), torch.ones_like(gamma), True)
        return lambda: torch.autograd.grad(y, inputs, dy, retain_graph=True)

    def layer_norm(self, n, x, gamma, beta, mean, rstd, y):
        return lambda: F.layer_norm(x, gamma.shape, gamma, beta)

    def layer_norm_grad(self, n, dy, x, gamma, mean, rstd, dx, dgamma, dbeta):
        inputs = [t.requires_grad_() for t in (x, gamma, torch.zeros_like(gamma))]
        with torch.enable_grad():
            y = F.layer_norm(x, gamma.shape, *inputs[1:])
        return lambda: torch.autograd.grad(y, inputs, dy, retain_graph=True)

    def adam(self, n, w, dw, m, v):
        step = torch.tensor(n["step"], device=w.device)
        return lambda: torch._fused_adamw_(
            [w], [dw], [m], [v], [], [step], lr=n["lr"], beta1=n["beta1"], beta2=n["beta2"],
            weight_decay=n["weight_decay"], eps=n["eps"], amsgrad=False, maximize=False)

    def gradient_norm(self, n, dw, norm):
        return lambda: torch.linalg.vector_norm(dw)

    def clip_gradient(self, n, dw, norm):
        return lambda: dw.mul_((n["max_norm"] / (norm + 1e-6)).clamp_(max=1))

    def sum(self, n, x, y):
        return lambda: torch.sum(x, reduced(x, y), keepdim=True, out=y)

    def max(self, n, x, y):
        return lambda: torch.amax(x, reduced(x, y), keepdim=True, out=y)

    def argmax(self, n, x, y):
        return lambda: torch.argmax(x, 1, out=y)

    def tanh(self, n, x, y):
        return lambda: torch.tanh(x, out=y)

    def gelu(self, n, x, y):
        return lambda: F.gelu(x)

    def add(self, n, a, b, y):
        return lambda: torch.add(a, b, out=y)

    def mul_add(self, n, a, b, c, y):
        return lambda: torch.addcmul(c, a, b, out=y)

    def copy(self, n, x, y):
        return lambda: y.copy_(x)

    def fill(self, n, y):
        return lambda: y.fill_(n["value"])

    def uniform(self, n, y):
        return lambda: y.uniform_(-1, 1)

    def normal(self, n, y):
        return lambda: y.normal_()

    @staticmethod
    def dropped(n, x):
        """Groups share their fate: what PyTorch calls dropout of channels."""
        group = int(n["group"])
        if group == 1:
            return F.dropout(x, n["p"])
        return F.dropout1d(x.view(1, -1, group), n["p"]).view(-1)

    def dropout(self, n, x, y):
        return lambda: self.dropped(n, x)

    def dropout_grad(self, n, dy, x, dx):
        x.requires_grad_()
        with torch.enable_grad():
            y = self.dropped(n, x)
        return lambda: torch.autograd.grad(y, x, dy, retain_graph=True)


class Clock:
    """Milliseconds of a call on either device, caches written over before it where asked for."""

    def __init__(self, device, flush_bytes):
        self.cuda = device == "cuda"
        self.flush = torch.empty(flush_bytes, dtype=torch.uint8, device=device) if flush_bytes else None
        self.events = [torch.cuda.Event(enable_timing=True) for _ in range(2)] if self.cuda else []

    def ms(self, call):
        if self.flush is not None:
            self.flush.fill_(1)
        if self.cuda:
            self.events[0].record()
            call()
            self.events[1].record()
            self.events[1].synchronize()
            return self.events[0].elapsed_time(self.events[1])
        begin = time.perf_counter()
        call()
        return 1e3 * (time.perf_counter() - begin)

    def time(self, call):
        ms = all_ms = total = 0
        for _ in range(20):
            begin = time.perf_counter()
            ms = self.ms(call)
            all_ms = 1e3 * (time.perf_counter() - begin)
            total += all_ms
            if total >= 50:
                break
        if ms > 5000:
            return {"ms_median": ms, "ms_q1": ms, "ms_q3": ms, "runs": 1}
        if ms > 200:
            runs = min(max(int(3000 / ms), 3), 30)
        else:
            runs = min(max(int(100 / max(all_ms, 1e-3)), 30), 200)
        times = sorted(self.ms(call) for _ in range(runs))
        at = lambda q: times[math.floor(q * (runs - 1) + 0.5)]
        return {"ms_median": at(0.5), "ms_q1": at(0.25), "ms_q3": at(0.75), "runs": runs}


def backends(case, device):
    """Names and contexts. On a card PyTorch's choice among its attentions need not be the fastest
    for a shape: the two fast ones are also forced."""
    yield None, contextlib.nullcontext()
    if device == "cuda" and case["operation"].startswith("attention"):
        from torch.nn.attention import SDPBackend, sdpa_kernel  # PyTorch 2.3 has it

        yield "cuDNN attention", sdpa_kernel(SDPBackend.CUDNN_ATTENTION)
        yield "flash attention", sdpa_kernel(SDPBackend.FLASH_ATTENTION)


def time_case(case, make, device, clock):
    operands = [tensor_of(operand, device) for operand in case["operands"]]
    needs_graph = case["operation"] in ("cross_entropy_grad", "batch_norm_grad", "dropout_grad")
    with torch.set_grad_enabled(needs_graph):
        return clock.time(make(case["numbers"], *operands))


def run_case(case, device, clock):
    """The fastest backend's result."""
    make = getattr(Operations(), case["operation"], None)
    if make is None:
        return {"missing": "PyTorch has no such operation"}
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = case["tf32"]
    results, refusals = [], []
    for name, forced in backends(case, device):
        try:
            with forced:
                result = time_case(case, make, device, clock)
            results.append({**result, "backend": name} if name else result)
        except RuntimeError as error:
            refusals.append({"missing": str(error).strip().splitlines()[0]})
    return min(results, key=lambda r: r["ms_median"]) if results else refusals[0]


def main():
    request = json.load(sys.stdin)
    torch.set_num_threads(request["threads"])
    torch.set_flush_denormal(True)
    torch.manual_seed(0)
    torch.backends.cudnn.benchmark = True
    device = request["device"]
    if device == "cuda" and not torch.cuda.is_available():
        sys.exit("this PyTorch finds no card")
    clock = Clock(device, request["flush_bytes"])
    results = [run_case(case, device, clock) for case in request["cases"]]
    print(json.dumps({"version": torch.__version__, "results": results}))


if __name__ == "__main__":
    main()
