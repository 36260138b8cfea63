// An authorization server, oidc-provider: dynamic registration, PKCE, resource indicators, access tokens as JWTs. A person's login and consent are
// forms, which any name and password satisfy.
import http from 'node:http';
import { json } from 'node:stream/consumers';
import { listen, load, serve } from '../oauth/commands.mjs';

const { errors, Provider } = load('oidc-provider');
const { exportJWK, generateKeyPair } = load('jose');

// Clients register with the scopes of the first challenge. This provider would hold them to these for ever, and no step up could follow.
async function forgetScopes(context, next) {
  if (context.path === '/reg' && context.method === 'POST') {
    const { scope: _, ...metadata } = await json(context.req);
    context.req.body = metadata;
  }
  await next();
}

await serve({
  // resources: {URL: for how many seconds an access token is good}. scopes: what each has, in one string. renews: whether clients get refresh
  // tokens. Answers with the issuer.
  async start(resources, scopes, renews = false) {
    const { privateKey } = await generateKeyPair('ES256', { extractable: true });
    const server = http.createServer();
    const issuer = `http://127.0.0.1:${await listen(server)}`;
    const provider = new Provider(issuer, {
      jwks: { keys: [{ ...(await exportJWK(privateKey)), alg: 'ES256', use: 'sig', kid: 'one' }] },
      scopes: scopes.split(' '),
      issueRefreshToken: () => renews,
      pkce: { required: () => true },
      clientDefaults: { id_token_signed_response_alg: 'ES256' },
      features: {
        registration: { enabled: true },
        resourceIndicators: {
          enabled: true,
          getResourceServerInfo(_, indicator) {
            if (!(indicator in resources)) throw new errors.InvalidTarget();
            return { scope: scopes, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } }, accessTokenTTL: resources[indicator] };
          },
        },
      },
    });
    provider.use(forgetScopes);
    server.on('request', provider.callback());
    return { issuer };
  },
});
