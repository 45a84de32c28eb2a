// `framegate drain`: asks a running proxy to stop as on SIGTERM.

import { counted } from '../config/counted.ts';
import { fieldOf, numberOf, textOf } from '../control/answer-fields.ts';
import { ADMIN_OPTIONS_HELP } from './admin-client.ts';
import { type GivenOrder, giveOrder } from './admin-order.ts';
import { untilDrained } from './drained.ts';

const usage = `Usage: framegate drain [--wait [--within SECONDS]] [--admin ADDRESS | -c FILE]
                       [--token-file FILE]

Asks a running proxy to stop as on SIGTERM: it takes no new connections, lets
running calls finish, for drain.timeout at most, and ends.

      --wait           wait until it has ended, and say how many calls still run
      --within SECONDS  wait this long at most (default: as long as it takes,
                       which drain.timeout bounds)

${ADMIN_OPTIONS_HELP}
  -h, --help           show this help

Exit code: 0 when the proxy drains, or has ended with --wait; 1 when it could
not be asked; 2 when it still runs after --within.
`;

export async function drain(argv: readonly string[]): Promise<number> {
  const given = await giveOrder(argv, {
    command: 'drain',
    usage,
    path: '/api/drain',
    done: { status: 202, field: 'calls' },
    options: { wait: { type: 'boolean' }, within: { type: 'string' } },
    findFault,
  });
  if (typeof given === 'number') return given;
  const { status, body } = given.answer;
  if (status !== 202) return fail(`the proxy did not accept it (HTTP ${status}) ${textOf(body)}\n`);
  const calls = fieldOf(body, 'calls');
  process.stdout.write(
    `draining: ${counted(numberOf(calls), 'call')} still ${calls === 1 ? 'runs' : 'run'}; the proxy ends after the last one, or after drain.timeout\n`,
  );
  return given.values['wait'] === true ? wait(given, calls) : 0;
}

/** A month. A timer takes no more than 24 days, but it is set for less than a second at a time. */
const MOST_SECONDS = 2_592_000;

function findFault({ wait: waits, within }: Readonly<Record<string, unknown>>): string | undefined {
  if (within === undefined) return undefined;
  if (waits !== true) return '--within goes with --wait';
  const isSeconds = typeof within === 'string' && /^[0-9]{1,7}$/.test(within);
  return isSeconds && Number(within) >= 1 && Number(within) <= MOST_SECONDS
    ? undefined
    : `--within takes seconds, from 1 to ${MOST_SECONDS}`;
}

async function wait({ admin, values }: GivenOrder, before: unknown): Promise<number> {
  const within = values['within'];
  let shown = before;
  const outcome = await untilDrained(admin, {
    mostMs: typeof within === 'string' ? Number(within) * 1000 : undefined,
    onCalls: (calls) => {
      if (calls !== shown)
        process.stdout.write(`${counted(calls, 'call')} still ${calls === 1 ? 'runs' : 'run'}\n`);
      shown = calls;
    },
  });
  if (outcome === 'late') {
    process.stderr.write(
      `framegate drain: the proxy still runs after ${textOf(within)} s, and goes on draining\n`,
    );
    return 2;
  }
  process.stdout.write(
    outcome === 'ended'
      ? 'the proxy has ended\n'
      : 'the proxy has ended, and another one serves in its place\n',
  );
  return 0;
}

function fail(message: string): number {
  process.stderr.write(`framegate drain: ${message}`);
  return 1;
}
