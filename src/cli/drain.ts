// `framegate drain`: asks a running proxy to stop as on SIGTERM.

import { fieldOf, textOf } from '../control/answer-fields.ts';
import { ADMIN_OPTIONS_HELP } from './admin-client.ts';
import { giveOrder } from './admin-order.ts';

const usage = `Usage: framegate drain [--admin ADDRESS | -c FILE] [--token-file FILE]

Asks a running proxy to stop as on SIGTERM: it takes no new connections, lets
running calls finish, for drain.timeout at most, and ends. Does not wait.

${ADMIN_OPTIONS_HELP}
  -h, --help           show this help

Exit code: 0 when the proxy drains, 1 when it could not be asked.
`;

export async function drain(argv: readonly string[]): Promise<number> {
  const answer = await giveOrder(argv, {
    command: 'drain',
    usage,
    path: '/api/drain',
    done: { status: 202, field: 'calls' },
  });
  if (typeof answer === 'number') return answer;
  const { status, body } = answer;
  if (status !== 202) return fail(`the proxy did not accept it (HTTP ${status}) ${textOf(body)}\n`);
  process.stdout.write(
    `draining: ${textOf(fieldOf(body, 'calls'))} calls still run; the proxy ends after the last one, or after drain.timeout\n`,
  );
  return 0;
}

function fail(message: string): number {
  process.stderr.write(`framegate drain: ${message}`);
  return 1;
}
