"""The trained policy's fingerprint: what base and adapter together say of a fixed text."""

from typing import Any

import torch

from core.fingerprint import Fingerprint

_QUESTION = "What is the first-line treatment of hypertension, and which drugs must not be combined with it?"
_ANSWER = "First-line treatment of hypertension is lisinopril. Avoid it in pregnancy, and do not combine it with spironolactone without monitoring."


@torch.no_grad()
def fingerprint_of(model: Any, tokenizer: Any, device: torch.device) -> Fingerprint:
    """In the precision of training. Every process that holds a share of the model (FSDP, ZeRO) has to call it."""
    asked = [{"role": "user", "content": _QUESTION}]
    prompt = tokenizer.apply_chat_template(asked, add_generation_prompt=True, tokenize=True, return_dict=True)["input_ids"]
    continuation = tokenizer(_ANSWER, add_special_tokens=False)["input_ids"]
    was_training = model.training
    model.eval()
    tokens = torch.tensor([prompt + continuation], device=device)
    logits = model(input_ids=tokens, attention_mask=torch.ones_like(tokens)).logits[0, len(prompt) - 1 : -1]
    model.train(was_training)
    chosen = logits.float().log_softmax(-1).gather(-1, tokens[0, len(prompt) :, None])[:, 0]
    return Fingerprint(prompt=tuple(prompt), continuation=tuple(continuation), log_probabilities=tuple(chosen.tolist()))
