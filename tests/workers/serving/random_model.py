"""`python -m tests.workers.serving.random_model FOLDER`: a Qwen2 model with random weights and two LoRA adapters `a` and `b`.

Enough to be served, too little to say anything.
"""

import sys
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

from alignment.grpo.fingerprint import fingerprint_of
from alignment.grpo.policy import save_adapter
from core.fingerprint import FILE

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def main(folder: Path) -> None:
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer, bpe.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    bpe.train_from_iterator(["what treats hypertension?"], trainers.BpeTrainer(special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="<|im_end|>", pad_token="<|endoftext|>")
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder / "base")
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=512, hidden_size=128, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, intermediate_size=256,
        max_position_embeddings=1024, tie_word_embeddings=True, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    Qwen2ForCausalLM(config).to(torch.bfloat16).save_pretrained(folder / "base")
    for seed, name in enumerate(("a", "b")):
        save_random_adapter(folder / "base", folder / name, seed)


def save_random_adapter(base: Path, target: Path, seed: int) -> None:
    """An adapter with weights by chance, large enough that it says something of its own, and its fingerprint, as training leaves them."""
    torch.manual_seed(seed)
    lora = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM")
    model = get_peft_model(Qwen2ForCausalLM.from_pretrained(base, dtype=torch.float32), lora)
    save_adapter(model, target, base.name)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(base)
    (target / FILE).write_text(fingerprint_of(model, tokenizer, torch.device("cpu")).model_dump_json())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
