// An OAuth server: oauth2-mock-server.
import { load, serve } from './commands.mjs';

const { OAuth2Server } = load('oauth2-mock-server');
const server = new OAuth2Server();
let port = 0;

await serve({
  async start() {
    await server.start(port, '127.0.0.1');
    port = server.address().port;
    return { issuer: server.issuer.url };
  },
  async stop() {
    await server.stop();
  },
  async generate(algorithm, kid) {
    await server.issuer.keys.generate(algorithm, { kid });
  },
  // As it signs what its /token endpoint gives out.
  async token(kid) {
    const scopesOrTransform = (header, payload) => Object.assign(payload, { sub: 'alice', scope: 'posts:read' });
    return { token: await server.issuer.buildToken({ kid, scopesOrTransform }) };
  },
  // What is at /jwks from now on; without words: the keys again.
  async publish(...words) {
    server.issuer.keys.toJSON = words.length ? () => words : Object.getPrototypeOf(server.issuer.keys).toJSON;
  },
});
