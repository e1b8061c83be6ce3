"""LangChain's ChatOpenAI, as its documentation uses it: `chain.py ADDRESS`, the key in OPENAI_API_KEY. Prints the streamed and the whole answer."""

import json
import sys

from langchain_openai import ChatOpenAI

chat = ChatOpenAI(model="balancedbio", base_url=f"{sys.argv[1]}/v1", temperature=0, max_tokens=60)
question = "What is the first-line treatment of gout?"
streamed = "".join(str(part.content) for part in chat.stream(question))
whole = chat.invoke(question)
print(json.dumps({"streamed": streamed, "whole": whole.content, "tokens": (whole.usage_metadata or {}).get("output_tokens", 0)}))
