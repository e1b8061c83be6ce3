"""vLLM: how it is started, which adapters it holds, and how a checkpoint comes into production."""
