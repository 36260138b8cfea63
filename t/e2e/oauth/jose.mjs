// For each algorithm named a key made by jose, exported by it as JWK and PEM, and tokens that it signed: one object of JSON.
import { load } from './commands.mjs';

const jose = load('jose');

async function mint(alg) {
  const key = alg.startsWith('HS') ? await jose.generateSecret(alg, { extractable: true }) : await jose.generateKeyPair(alg, { extractable: true });
  const jwk = await jose.exportJWK(key.publicKey ?? key);
  const kid = await jose.calculateJwkThumbprint(jwk);
  const sign = (expires) =>
    new jose.SignJWT({ scope: 'posts:read' }).setProtectedHeader({ alg, kid, typ: 'at+jwt' }).setIssuer('https://issuer.example')
      .setAudience(['other', 'api']).setSubject(`${alg}-user`).setIssuedAt().setJti(kid).setExpirationTime(expires).sign(key.privateKey ?? key);
  return {
    jwk: { ...jwk, kid, alg, use: 'sig' },
    pem: key.publicKey && (await jose.exportSPKI(key.publicKey)),
    good: await sign('1 hour'),
    expired: await sign('1 hour ago'),
  };
}

const algorithms = process.argv.slice(3);
const minted = await Promise.all(algorithms.map(mint));
console.log(JSON.stringify(Object.fromEntries(algorithms.map((alg, i) => [alg, minted[i]]))));
