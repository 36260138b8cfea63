// An OAuth server, driven by lines on its standard input; it answers each with a line of JSON.
import { createRequire } from 'node:module';
import readline from 'node:readline';

// From where `make oauth-server` has put it.
const { OAuth2Server } = createRequire(`${process.argv[2]}/`)('oauth2-mock-server');
const server = new OAuth2Server();
let port = 0;

const commands = {
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
};

for await (const line of readline.createInterface({ input: process.stdin })) {
  const [name, ...words] = line.split(' ');
  console.log(JSON.stringify((await commands[name](...words)) ?? {}));
}
process.exit(0);
