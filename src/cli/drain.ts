// `framegate drain`: asks a running proxy to stop as on SIGTERM.

import {
  ADMIN_OPTIONS_HELP,
  adminOptions,
  askAdmin,
  describeOtherProxy,
  fieldOf,
  findAdmin,
  textOf,
} from './admin-client.ts';
import { readOptions } from './options.ts';

const usage = `Usage: framegate drain [--admin ADDRESS | -c FILE]

Asks a running proxy to stop as on SIGTERM: it takes no new connections, lets
running calls finish, for drain.timeout at most, and ends. Does not wait.

${ADMIN_OPTIONS_HELP}
  -h, --help           show this help

Exit code: 0 when the proxy drains, 1 when it could not be asked.
`;

export async function drain(argv: readonly string[]): Promise<number> {
  const parsed = readOptions(argv, adminOptions);
  if (typeof parsed === 'string') return fail(`${parsed}\n\n${usage}`);
  if (parsed.values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const found = findAdmin({ admin: parsed.values.admin, config: parsed.values.config });
  if (typeof found === 'string') return fail(`${found}\n`);
  const other = await describeOtherProxy(found);
  if (other !== undefined)
    return fail(
      `${other}; nothing was asked of it. Name that file, or give --admin ${found.address.text} to mean it\n`,
    );
  const { address } = found;
  const answer = await askAdmin(address, 'POST', '/api/drain');
  if (typeof answer === 'string') return fail(`${answer}\n`);
  const { status, body } = answer;
  if (status !== 202) return fail(`the proxy did not accept it (HTTP ${status}) ${textOf(body)}\n`);
  process.stdout.write(
    `draining: ${textOf(fieldOf(body, 'calls'))} calls still run; the proxy ends after the last one\n`,
  );
  return 0;
}

function fail(message: string): number {
  process.stderr.write(`framegate drain: ${message}`);
  return 1;
}
