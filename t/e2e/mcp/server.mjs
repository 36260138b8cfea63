// MCP servers, one for each era: @modelcontextprotocol/sdk with sessions, and @modelcontextprotocol/server for 2026-07-28 alone.
import { randomUUID } from 'node:crypto';
import http from 'node:http';
import { listen, load, serve } from '../oauth/commands.mjs';
import { argumentsOf, modernPrompts, prompts, resources, template, tools } from './tools.mjs';

const z = load('zod').z;
const info = { name: 'test-server', version: '1.0.0' };
const capabilities = { tools: { listChanged: true }, resources: { subscribe: true, listChanged: true }, prompts: { listChanged: true }, logging: {}, completions: {} };
const schema = (names) => z.object(Object.fromEntries(names.map((name) => [name, z.string()])));
// As ChatGPT reads it, in the tool and mirrored in its _meta.
const securitySchemes = [{ type: 'oauth2', scopes: ['mcp:read'] }];

// The calls of tools: {tool, headers}.
const calls = [];
// Tells all who listen that the tools have changed.
let publish;

function install(server, { ResourceTemplate, handlers, prompts, contextOf, request }) {
  for (const [name, handler] of Object.entries(handlers)) {
    const run = (given, extra) => {
      const context = contextOf(extra);
      calls.push({ tool: name, headers: context.headers });
      return handler(given, context);
    };
    server.registerTool(name, { description: name, inputSchema: schema(argumentsOf[name] ?? []), _meta: { securitySchemes } }, run);
  }
  for (const [uri, contents] of Object.entries(resources)) {
    server.registerResource(uri, uri, { description: uri, mimeType: contents.mimeType }, () => ({ contents: [{ uri, ...contents }] }));
  }
  const templated = new ResourceTemplate('test://template/{id}/data', { list: undefined });
  server.registerResource('template', templated, { description: 'template', mimeType: 'application/json' }, (uri, { id }) => ({ contents: [template(uri.href, id)] }));
  for (const [name, [names, handler]] of Object.entries(prompts)) {
    const description = name;
    if (names.length) {
      const argsSchema = request.raw ? schema(names).shape : schema(names);
      server.registerPrompt(name, { description, argsSchema }, (given, extra) => handler(given, contextOf(extra)));
    } else {
      server.registerPrompt(name, { description }, (extra) => handler({}, contextOf(extra)));
    }
  }
  for (const method of ['resources/subscribe', 'resources/unsubscribe', 'logging/setLevel']) server.server.setRequestHandler(request.of(method), () => ({}));
  server.server.setRequestHandler(request.of('completion/complete'), () => ({ completion: { values: ['paris', 'park'], total: 2, hasMore: false } }));
  return server;
}

// Only loopback by name may be asked: a name that was bound anew isn't us.
function isForeign(headers) {
  const hosts = [headers.host, headers.origin && URL.canParse(headers.origin) && new URL(headers.origin).host];
  return hosts.some((host) => host && !/^(localhost|127\.0\.0\.1)(:\d+)?$/.test(host));
}

function refuse(response, status, message) {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', error: { code: -32000, message }, id: null }));
}

function legacy() {
  const { McpServer, ResourceTemplate } = load('@modelcontextprotocol/sdk/server/mcp.js');
  const { StreamableHTTPServerTransport } = load('@modelcontextprotocol/sdk/server/streamableHttp.js');
  const types = load('@modelcontextprotocol/sdk/types.js');
  const schemas = {
    'resources/subscribe': types.SubscribeRequestSchema,
    'resources/unsubscribe': types.UnsubscribeRequestSchema,
    'logging/setLevel': types.SetLevelRequestSchema,
    'completion/complete': types.CompleteRequestSchema,
  };
  const answers = { 'elicitation/create': types.ElicitResultSchema, 'sampling/createMessage': types.CreateMessageResultSchema };
  const contextOf = (extra) => ({
    headers: extra.requestInfo?.headers,
    progressToken: extra._meta?.progressToken,
    notify: (method, params) => extra.sendNotification({ method, params }),
    ask: (method, params) => extra.sendRequest({ method, params }, answers[method]),
  });
  const sessions = new Map();

  const servers = new Set();
  publish = () => servers.forEach((server) => server.sendToolListChanged());

  async function open() {
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => sessions.set(id, transport),
      onsessionclosed: (id) => sessions.delete(id),
    });
    const request = { raw: true, of: (method) => schemas[method] };
    const server = install(new McpServer(info, { capabilities }), { ResourceTemplate, handlers: tools.legacy, prompts, contextOf, request });
    servers.add(server);
    await server.connect(transport);
    return transport;
  }

  return async (request, response) => {
    if (isForeign(request.headers)) return refuse(response, 403, 'Forbidden');
    const id = request.headers['mcp-session-id'];
    if (id && !sessions.has(id)) return refuse(response, 404, 'Session not found');
    if (!id && request.method !== 'POST') return refuse(response, 405, 'Method not allowed');
    await (sessions.get(id) ?? (await open())).handleRequest(request, response);
  };
}

function modern() {
  const sdk = load('@modelcontextprotocol/server');
  const { getRequestListener } = load('@hono/node-server');
  const codec = sdk.createRequestStateCodec({ key: crypto.getRandomValues(new Uint8Array(32)) });
  const wanted = (inputs) => Object.fromEntries(Object.entries(inputs).map(([key, [kind, ...rest]]) => [key, sdk.inputRequired[kind](...rest)]));
  const contextOf = (extra) => ({
    headers: Object.fromEntries(extra.http?.req?.headers ?? []),
    progressToken: extra.mcpReq._meta?.progressToken,
    notify: (method, params) => extra.mcpReq.notify({ method, params }),
    log: (level, data) => extra.mcpReq.log(level, data),
    capabilities: extra.mcpReq.envelope?.[sdk.CLIENT_CAPABILITIES_META_KEY],
    responses: extra.mcpReq.inputResponses,
    accepted: (key) => sdk.acceptedContent(extra.mcpReq.inputResponses, key),
    state: () => extra.mcpReq.requestState(),
    require: async (inputs, state) => sdk.inputRequired({ inputRequests: wanted(inputs), ...(state && { requestState: await codec.mint(state) }) }),
    changed: handler.notify,
  });
  const request = { of: (method) => method };
  const handler = sdk.createMcpHandler(
    () =>
      install(new sdk.McpServer(info, { capabilities, requestState: { verify: codec.verify } }), {
        ResourceTemplate: sdk.ResourceTemplate,
        handlers: tools.modern,
        prompts: modernPrompts,
        contextOf,
        request,
      }),
    { legacy: 'reject' },
  );
  publish = () => handler.notify.toolsChanged();
  const listener = getRequestListener(handler.fetch, { overrideGlobalObjects: false });
  return (request, response) => (isForeign(request.headers) ? refuse(response, 403, 'Forbidden') : listener(request, response));
}

const eras = { legacy, modern };

await serve({
  // Answers with the port, on which /mcp is the endpoint.
  start: async (era) => ({ port: await listen(http.createServer(eras[era]())) }),
  change: () => void publish(),
  // The calls since the last time this was asked.
  calls: () => ({ calls: calls.splice(0) }),
});
