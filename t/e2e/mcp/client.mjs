// The official clients: v1 (@modelcontextprotocol/sdk) and v2 (@modelcontextprotocol/client), with everything that they send and get.
import { load, plain, serve } from '../oauth/commands.mjs';

const identity = { name: 'test-client', version: '1.0.0' };
const sdks = {
  v1: () => ({
    ...load('@modelcontextprotocol/sdk/client/index.js'),
    ...load('@modelcontextprotocol/sdk/client/streamableHttp.js'),
    toolsChanged: load('@modelcontextprotocol/sdk/types.js').ToolListChangedNotificationSchema,
  }),
  v2: () => ({ ...load('@modelcontextprotocol/client'), toolsChanged: 'notifications/tools/list_changed' }),
};

// What a client keeps of one user: nothing on disk, and the browser's way is the test's.
class Login {
  redirectUrl = 'http://127.0.0.1/callback';
  clientMetadata = {
    client_name: 'test',
    redirect_uris: [this.redirectUrl],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
    application_type: 'native',
  };
  clientInformation = () => this.information;
  saveClientInformation = (information) => void (this.information = information);
  tokens = () => this.kept;
  saveTokens = (tokens) => void (this.kept = tokens);
  redirectToAuthorization = (url) => void (this.url = url.href);
  saveCodeVerifier = (verifier) => void (this.verifier = verifier);
  codeVerifier = () => this.verifier;
  saveDiscoveryState = (state) => void (this.discovered = state);
  discoveryState = () => this.discovered;
}

class Host {
  requests = [];
  changes = 0;

  constructor(options) {
    this.options = options;
    this.login = options.login ? new Login() : undefined;
  }

  async connect() {
    const { Client, StreamableHTTPClientTransport, toolsChanged } = sdks[this.options.sdk]();
    const { url, versionNegotiation, headers = {} } = this.options;
    const fetch = (...request) => this.#fetch(...request);
    this.transport = new StreamableHTTPClientTransport(new URL(url), { authProvider: this.login, requestInit: { headers }, fetch });
    this.client = new Client(identity, { capabilities: {}, ...(versionNegotiation && { versionNegotiation }) });
    this.client.setNotificationHandler(toolsChanged, () => void this.changes++);
    await this.client.connect(this.transport);
    return { version: this.transport.protocolVersion ?? this.client.getNegotiatedProtocolVersion?.(), server: this.client.getServerVersion() };
  }

  // What came of it, or what it failed with; `login` is where the client sends its user.
  async attempt(what) {
    if (this.login) this.login.url = undefined;
    try {
      return { ...(await what()), login: this.login?.url };
    } catch (error) {
      return { ...plain(error), login: this.login?.url };
    }
  }

  async #fetch(url, init) {
    const request = { method: init?.method ?? 'GET', url: String(url), headers: Object.fromEntries(new Headers(init?.headers)) };
    this.requests.push(request);
    const response = await fetch(url, init);
    Object.assign(request, { status: response.status, challenge: response.headers.get('www-authenticate') });
    return response;
  }
}

// Of each that was started: a number stands for it.
const hosts = [];

await serve({
  // {sdk, url, versionNegotiation?, headers?, login?}
  async start(options) {
    const host = new Host(options);
    const number = hosts.push(host) - 1;
    return { number, ...(await host.attempt(() => host.connect())) };
  },
  reconnect: (number) => hosts[number].attempt(() => hosts[number].connect()),
  // parameters: what the redirect to the client brought.
  finish: (number, { code, iss }) => hosts[number].attempt(async () => void (await hosts[number].transport.finishAuth(code, iss))),
  scope: (number) => ({ scope: hosts[number].login.kept?.scope }),
  tools: (number) => hosts[number].attempt(() => hosts[number].client.listTools()),
  call: (number, name, given = {}) => hosts[number].attempt(() => hosts[number].client.callTool({ name, arguments: given })),
  read: (number, uri) => hosts[number].attempt(() => hosts[number].client.readResource({ uri })),
  prompt: (number, name, given) => hosts[number].attempt(() => hosts[number].client.getPrompt({ name, arguments: given })),
  // In the modern era a stream for changes is asked for; in the legacy era there is one already.
  listen: (number) => hosts[number].attempt(async () => void (await hosts[number].client.listen({ toolsListChanged: true }))),
  changes: (number) => ({ count: hosts[number].changes }),
  // Ends the session, as a host does that is closed.
  end: (number) =>
    hosts[number].attempt(async () => {
      await hosts[number].transport.terminateSession?.();
      await hosts[number].client.close();
    }),
  close: (number) => hosts[number].client.close(),
  // What was sent since the last time this was asked.
  requests: (number) => ({ requests: hosts[number].requests.splice(0) }),
});
