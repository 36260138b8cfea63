// What the programs here share: a command is a line of JSON on standard input, [name, ...arguments]; a line of JSON answers it.
import { createRequire } from 'node:module';
import readline from 'node:readline';

// From where `make oauth-server` has put it.
export const load = createRequire(`${process.argv[2]}/`);

export function plain(error) {
  const { name, message, code, data, status, requiredScope } = error;
  return { error: { name, message, code, data, requiredScope, status: status ?? data?.status } };
}

export async function serve(commands) {
  // What libraries tell their developers doesn't go between the answers.
  console.log = console.info = console.warn = () => {};
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [name, ...rest] = JSON.parse(line);
    let answer;
    try {
      answer = (await commands[name](...rest)) ?? {};
    } catch (error) {
      answer = plain(error);
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
  process.exit(0);
}

// On any free port of loopback.
export function listen(server) {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));
}
