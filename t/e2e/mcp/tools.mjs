// The tools, resources and prompts of the MCP servers here: what a product would have, and what the protocol's conformance suite asks for.
const IMAGE = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==';
const SOUND = 'UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=';

const text = (words) => ({ type: 'text', text: words });
const image = { type: 'image', data: IMAGE, mimeType: 'image/png' };
const embedded = (uri, words, mimeType = 'text/plain') => ({ type: 'resource', resource: { uri, mimeType, text: words } });
const said = (...content) => ({ content });
const object = (properties, required = []) => ({ type: 'object', properties, required });
const string = (more = {}) => ({ type: 'string', ...more });
const pause = () => new Promise((resolve) => setTimeout(resolve, 10));

// What a server does in its own words: each is called with the request's arguments and a context (see contextOf in server.mjs).
const product = {
  list_brand_profiles: () => said(text('two profiles')),
  get_profile: () => said(text('a profile')),
  generate_video: () => said(text('a video')),
  generate_image: () => said(text('an image')),
};

const defaults = {
  name: string({ default: 'John Doe' }),
  age: { type: 'integer', default: 30 },
  score: { type: 'number', default: 95.5 },
  status: string({ enum: ['active', 'inactive', 'pending'], default: 'active' }),
  verified: { type: 'boolean', default: true },
};
const titled = (...words) => words.map((word, i) => ({ const: `value${i + 1}`, title: word }));
const enums = {
  untitledSingle: string({ enum: ['option1', 'option2', 'option3'] }),
  titledSingle: string({ oneOf: titled('First Option', 'Second Option', 'Third Option') }),
  legacyEnum: string({ enum: ['opt1', 'opt2', 'opt3'], enumNames: ['Option One', 'Option Two', 'Option Three'] }),
  untitledMulti: { type: 'array', minItems: 1, maxItems: 3, items: string({ enum: ['option1', 'option2', 'option3'] }) },
  titledMulti: { type: 'array', minItems: 1, maxItems: 3, items: { anyOf: titled('First Choice', 'Second Choice', 'Third Choice') } },
};

const elicit = (properties, required) => async (_, context) => {
  const answer = await context.ask('elicitation/create', { message: 'Please fill this in', requestedSchema: object(properties, required) });
  return said(text(`Elicitation completed: action=${answer.action}, content=${JSON.stringify(answer.content ?? {})}`));
};

const conformance = {
  test_simple_text: () => said(text('This is a simple text response for testing.')),
  test_image_content: () => said(image),
  test_audio_content: () => said({ type: 'audio', data: SOUND, mimeType: 'audio/wav' }),
  test_embedded_resource: () => said(embedded('test://embedded-resource', 'This is an embedded resource content.')),
  test_multiple_content_types: () =>
    said(text('Multiple content types test:'), image, embedded('test://mixed-content-resource', '{"test":"data","value":123}', 'application/json')),
  test_error_handling: () => {
    throw new Error('This tool intentionally returns an error for testing');
  },
  async test_tool_with_logging(_, context) {
    for (const data of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
      await context.notify('notifications/message', { level: 'info', data });
      await pause();
    }
    return said(text('Tool with logging executed successfully'));
  },
  async test_tool_with_progress(_, context) {
    for (const progress of context.progressToken === undefined ? [] : [0, 50, 100]) {
      await context.notify('notifications/progress', { progressToken: context.progressToken, progress, total: 100 });
      await pause();
    }
    return said(text(String(context.progressToken)));
  },
};

// The server asks the client in the midst of a call: 2025's way.
const asking = {
  async test_sampling({ prompt }, context) {
    const answer = await context.ask('sampling/createMessage', { messages: [{ role: 'user', content: text(prompt) }], maxTokens: 100 });
    return said(text(`LLM response: ${answer.content?.text}`));
  },
  async test_elicitation({ message }, context) {
    const answer = await context.ask('elicitation/create', { message, requestedSchema: object({ response: string() }, ['response']) });
    return said(text(`User response: action=${answer.action}, content=${JSON.stringify(answer.content ?? {})}`));
  },
  test_elicitation_sep1034_defaults: elicit(defaults),
  test_elicitation_sep1330_enums: elicit(enums),
};

// What is asked for comes with the same call again: 2026's way.
const name = { user_name: ['elicit', { message: 'What is your name?', requestedSchema: object({ name: string() }, ['name']) }] };
const confirm = { confirm: ['elicit', { message: 'Please confirm', requestedSchema: object({ ok: { type: 'boolean' } }, ['ok']) }] };
const question = (key, words) => ({ [key]: ['createMessage', { messages: [{ role: 'user', content: text(words) }], maxTokens: 50 }] });
const roots = { client_roots: ['listRoots'] };
const step = (key, member) => ({ [key]: ['elicit', { message: `Which ${member}?`, requestedSchema: object({ [member]: string() }, [member]) }] });

const resuming = {
  test_input_required_result_elicitation(_, context) {
    const answer = context.accepted('user_name')?.name;
    return typeof answer === 'string' ? said(text(`Hello, ${answer}!`)) : context.require(name);
  },
  test_input_required_result_sampling(_, context) {
    const answer = context.responses?.capital_question;
    return answer ? said(text(`Sampling response: ${answer.content?.text}`)) : context.require(question('capital_question', 'What is the capital of France?'));
  },
  test_input_required_result_list_roots(_, context) {
    const answer = context.responses?.client_roots?.roots;
    return Array.isArray(answer) ? said(text(`Client exposed ${answer.length} root(s)`)) : context.require(roots);
  },
  test_input_required_result_request_state(_, context) {
    return context.accepted('confirm') && context.state() ? said(text('state-ok: requestState verified')) : context.require(confirm, { round: 1 });
  },
  test_input_required_result_tampered_state(_, context) {
    return context.accepted('confirm') && context.state() ? said(text('integrity-ok: requestState verified')) : context.require(confirm, { round: 1 });
  },
  test_input_required_result_multiple_inputs(_, context) {
    const { greeting, client_roots } = context.responses ?? {};
    const answer = context.accepted('user_name')?.name;
    if (answer && greeting && client_roots) return said(text(`${greeting.content?.text} ${answer}`));
    return context.require({ ...name, ...question('greeting', 'Generate a greeting'), ...roots }, { round: 1 });
  },
  test_input_required_result_multi_round(_, context) {
    const { round, known } = context.state() ?? { round: 0 };
    if (round === 0) return context.require(step('step1', 'name'), { round: 1 });
    if (round === 1) return context.require(step('step2', 'color'), { round: 2, known: context.accepted('step1')?.name });
    return said(text(`Multi-round complete: ${known} likes ${context.accepted('step2')?.color}`));
  },
  test_input_required_result_capabilities(_, context) {
    const { elicitation, sampling, roots: listing } = context.capabilities ?? {};
    const wanted = { ...(elicitation && name), ...(sampling && question('greeting', 'Generate a greeting')), ...(listing && roots) };
    return context.responses || !Object.keys(wanted).length ? said(text('fulfilled')) : context.require(wanted);
  },
  test_missing_capability: (_, context) => (context.responses ? said(text('done')) : context.require(question('llm_answer', 'Reply with pong'))),
  async test_logging_tool(_, context) {
    await context.log('info', 'test_logging_tool ran');
    return said(text('logged'));
  },
  async test_streaming_elicitation(_, context) {
    await context.notify('notifications/progress', { progressToken: context.progressToken ?? 0, progress: 1, total: 1 });
    return context.require(name);
  },
  test_trigger_tool_change(_, context) {
    context.changed.toolsChanged();
    return said(text('published'));
  },
  test_trigger_prompt_change(_, context) {
    context.changed.promptsChanged();
    return said(text('published'));
  },
};

export const tools = { legacy: { ...product, ...conformance, ...asking }, modern: { ...product, ...conformance, ...resuming } };
export const argumentsOf = { test_sampling: ['prompt'], test_elicitation: ['message'] };

export const resources = {
  'test://static-text': { mimeType: 'text/plain', text: 'This is the content of the static text resource.' },
  'test://static-binary': { mimeType: 'image/png', blob: IMAGE },
  'test://watched-resource': { mimeType: 'text/plain', text: 'Watched resource content' },
  'ui://widget': { mimeType: 'text/html', text: '<p>a widget</p>' },
};
export const template = (uri, id) => ({ uri, mimeType: 'application/json', text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }) });

const messages = (...contents) => ({ messages: contents.map((content) => ({ role: 'user', content })) });
const asked = { user_context: ['elicit', { message: 'Which context?', requestedSchema: object({ context: string() }, ['context']) }] };

export const prompts = {
  test_simple_prompt: [[], () => messages(text('This is a simple prompt for testing.'))],
  test_prompt_with_arguments: [['arg1', 'arg2'], ({ arg1, arg2 }) => messages(text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`))],
  test_prompt_with_embedded_resource: [
    ['resourceUri'],
    ({ resourceUri }) => messages(embedded(resourceUri, 'Embedded resource content for testing.'), text('Please process the embedded resource above.')),
  ],
  test_prompt_with_image: [[], () => messages(image, text('Please analyze the image above.'))],
};
export const modernPrompts = {
  ...prompts,
  test_input_required_result_prompt: [
    [],
    (_, context) => (context.accepted('user_context') ? messages(text(`Context: ${context.accepted('user_context').context}`)) : context.require(asked)),
  ],
};
