import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HumanMessage, ToolMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai';
import * as mock from './mock.js';

const settings = (more, configuration) => ({
  model: 'gpt-4o', apiKey: 'any', maxRetries: 0, ...more,
  configuration: { baseURL: `${mock.url}/v1`, ...configuration },
});
const weather = tool(async ({ city }) => `21 in ${city}`, {
  name: mock.weather.name, description: mock.weather.description, schema: mock.weather.parameters,
});

// gather reads a stream into the message that it makes.
async function gather(stream) {
  let all;
  for await (const chunk of await stream) all = all ? all.concat(chunk) : chunk;
  return all;
}

for (const useResponsesApi of [false, true]) {
  const name = useResponsesApi ? 'responses' : 'chat';
  const open = (more, configuration) => new ChatOpenAI(settings({ useResponsesApi, ...more }, configuration));
  const client = open();

  test(`${name}, whole`, async () => {
    const reply = await client.invoke(mock.hello);
    assert.equal(reply.text, mock.greeting);
    assert.ok(reply.usage_metadata.output_tokens > 1);
  });

  test(`${name}, streamed`, async () => {
    const reply = await gather(client.stream(mock.hello));
    assert.equal(reply.text, mock.greeting);
    assert.ok(reply.usage_metadata.output_tokens > 1);
  });

  test(`${name} with a schema`, async () => {
    const schema = { title: 'number', type: 'object', properties: { n: { type: 'integer' } }, required: ['n'], additionalProperties: false };
    const reply = await client.withStructuredOutput(schema, { method: 'jsonSchema' }).invoke(mock.unscripted);
    assert.ok(Number.isInteger(reply.n));
  });

  test(`${name} with a forced tool`, async () => {
    const forced = client.bindTools([weather], { tool_choice: mock.weather.name });
    for (const reply of [await forced.invoke(mock.unscripted), await gather(forced.stream(mock.unscripted))]) {
      assert.equal(reply.tool_calls.length, 1);
      assert.equal(reply.tool_calls[0].name, mock.weather.name);
      assert.equal(typeof reply.tool_calls[0].args.city, 'string');
    }
  });

  test(`${name} with two tools at once`, async () => {
    const reply = await gather(client.bindTools([weather]).stream(mock.twice));
    assert.deepEqual(reply.tool_calls.map((c) => c.args.city), ['Paris', 'Oslo']);
  });

  for (const stream of [false, true]) {
    test(`${name}, an agent's loop${stream ? ', streamed' : ''}`, async () => {
      const agent = client.bindTools([weather]);
      const say = (messages) => (stream ? gather(agent.stream(messages)) : agent.invoke(messages));
      const messages = [new HumanMessage(mock.question)];
      messages.push(await say(messages));
      const [call] = messages[1].tool_calls;
      assert.deepEqual(call.args, { city: mock.city });
      messages.push(await weather.invoke(call));
      assert.ok(messages[2] instanceof ToolMessage);
      assert.equal((await say(messages)).text, mock.answer);
    });
  }

  test(`${name}, an unknown model`, { skip: mock.servesAll }, async () => {
    const nobody = open({ model: 'nobody' });
    await mock.rejects(nobody.invoke(mock.hello), { status: 404, code: 'model_not_found' });
    await mock.rejects(gather(nobody.stream(mock.hello)), { status: 404 });
  });

  test(`${name}, a missing key`, async () => {
    await mock.rejects(open({}, { fetch: mock.keyless }).invoke(mock.hello), { status: 401 });
  });

  test(`${name}, malformed requests`, async () => {
    await mock.rejects(open({}, { fetch: mock.brokenJSON }).invoke(mock.hello), { status: 400 });
    await mock.rejects(open({ temperature: -7 }).invoke(mock.hello), { status: 400 });
  });
}

test('a refused attempt is retried', async () => {
  const reply = await new ChatOpenAI(settings({ maxRetries: 1 })).invoke(mock.patience());
  assert.equal(reply.text, 'Now.');
});

test('embeddings', async () => {
  const embeddings = new OpenAIEmbeddings(settings({ model: 'text-embedding-3-small' }));
  const vectors = await embeddings.embedDocuments(['one', 'two']);
  assert.deepEqual(vectors.map((v) => v.length), [1536, 1536]);
  assert.deepEqual(await embeddings.embedQuery('two'), vectors[1]);
  const keyless = new OpenAIEmbeddings(settings({}, { fetch: mock.keyless }));
  await mock.rejects(keyless.embedQuery('two'), { status: 401 });
});
