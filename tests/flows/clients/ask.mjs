// OpenAI's client for Node, as its documentation uses it: `node ask.mjs ADDRESS`, the key in OPENAI_API_KEY.
import OpenAI from "openai";

const client = new OpenAI({ baseURL: `${process.argv[2]}/v1`, maxRetries: 0 });
const asked = { model: "balancedbio", messages: [{ role: "user", content: "What is the first-line treatment of gout?" }], temperature: 0, max_tokens: 60 };
const whole = await client.chat.completions.create(asked);
let streamed = "";
for await (const event of await client.chat.completions.create({ ...asked, stream: true })) streamed += event.choices[0]?.delta?.content ?? "";
const models = (await client.models.list()).data.map((model) => model.id);
console.log(JSON.stringify({ streamed, whole: whole.choices[0].message.content, turn: whole.balancedbio.turn_id, models }));
